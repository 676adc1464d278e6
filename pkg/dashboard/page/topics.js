// The table of topics: sorted by its headers, and each row chooses its topic.
const TOPICS_SHOWN = 100;

const sorting = { key: 'received', down: true };
let allTopics = false;
const rows = new Map(); // by topic

const compare = {
  topic: (a, b) => (a.topic < b.topic ? -1 : a.topic > b.topic ? 1 : 0),
  received: (a, b) => a.received - b.received,
  duplicates: (a, b) => a.duplicates - b.duplicates,
  share: (a, b) => a.share - b.share,
  last: (a, b) => a.last - b.last,
};

function sorted(topics) {
  const sign = sorting.down ? -1 : 1;
  return topics.toSorted((a, b) => sign * compare[sorting.key](a, b) || compare.topic(a, b));
}

function makeRow(topic) {
  const button = make('button', { type: 'button' }, make('bdi', {}, topic));
  button.addEventListener('click', () => choose(state.topic === topic ? null : topic));
  return make('tr', {}, make('th', { scope: 'row' }, button), make('td'), make('td'), make('td'), make('td'));
}

function fillRow(row, data) {
  const [head, received, duplicates, share, last] = row.children;
  head.firstChild.setAttribute('aria-pressed', state.topic === data.topic);
  head.firstChild.title = say('filterBy', data.topic);
  row.classList.toggle('chosen', state.topic === data.topic);
  write(received, formats.whole.format(data.received));
  write(duplicates, formats.whole.format(data.duplicates));
  write(share, formatShare(data.duplicates, data.received));
  const today = new Date(data.last).toDateString() === new Date().toDateString();
  write(last, today ? clock(data.last) : formats.day.format(data.last));
  last.title = new Date(data.last).toISOString();
}

painters.push(() => {
  for (const head of document.querySelectorAll('th[data-key]')) {
    const order = head.dataset.key === sorting.key ? (sorting.down ? 'descending' : 'ascending') : 'none';
    if (head.getAttribute('aria-sort') !== order) head.setAttribute('aria-sort', order);
  }
  if (!state.topics) return;
  let list = sorted(state.topics);
  const count = list.length;
  if (!allTopics && count > TOPICS_SHOWN) {
    const chosen = list.find((data) => data.topic === state.topic);
    list = list.slice(0, TOPICS_SHOWN);
    if (chosen && !list.includes(chosen)) list.push(chosen);
  }
  const wanted = new Set(list.map((data) => data.topic));
  for (const topic of rows.keys()) if (!wanted.has(topic)) rows.delete(topic);
  const elements = list.map((data) => {
    if (!rows.has(data.topic)) rows.set(data.topic, makeRow(data.topic));
    fillRow(rows.get(data.topic), data);
    return rows.get(data.topic);
  });
  placeRows(elements);
  write(byID('topics-count'), count === 0 ? say('noTopics') : say('topicsOf', formats.whole.format(list.length), formats.whole.format(count)));
  byID('topics-all').hidden = list.length === count;
  write(byID('topics-all'), say('showTopics', formats.whole.format(count)));
});

// placeRows moves rows only where their order changed, and keeps the focus, which a row that moves would lose.
function placeRows(elements) {
  const body = byID('topics');
  if (elements.length === body.children.length && elements.every((element, i) => element === body.children[i])) return;
  const focused = body.contains(document.activeElement) ? document.activeElement : null;
  body.replaceChildren(...elements);
  focused?.focus({ preventScroll: true });
}

for (const head of document.querySelectorAll('th[data-key]')) {
  head.firstChild.addEventListener('click', () => {
    const { key } = head.dataset;
    sorting.down = sorting.key === key ? !sorting.down : key !== 'topic'; // numbers begin with the largest
    sorting.key = key;
    paint();
  });
}

byID('topics-all').addEventListener('click', () => {
  allTopics = true;
  paint();
});
