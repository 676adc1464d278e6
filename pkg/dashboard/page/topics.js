// The table of topics. A click on a header sorts it, a click on a row selects the topic.
const MAX_TOPICS_SHOWN = 100;
const MOST_TOPICS = 1000; // after a click on the button below the table; the server has the rest

const sorting = { key: 'received', descending: true };
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
  const sign = sorting.descending ? -1 : 1;
  return topics.toSorted((a, b) => sign * compare[sorting.key](a, b) || compare.topic(a, b));
}

function makeRow(topic) {
  const button = createNode('button', { type: 'button' }, createNode('bdi', {}, escapeName(topic)));
  button.addEventListener('click', () => selectTopic(state.topic === topic ? null : topic));
  return createNode('tr', {}, createNode('th', { scope: 'row' }, button), createNode('td'), createNode('td'), createNode('td'), createNode('td'));
}

function fillRow(row, data) {
  const [head, received, duplicates, share, last] = row.children;
  head.firstChild.setAttribute('aria-pressed', state.topic === data.topic);
  head.firstChild.title = translate('filterBy', escapeName(data.topic));
  row.classList.toggle('selected', state.topic === data.topic);
  setText(received, formats.whole.format(data.received));
  setText(duplicates, formats.whole.format(data.duplicates));
  setText(share, formatShare(data.duplicates, data.received));
  setText(last, formatMoment(data.last));
  last.title = new Date(data.last).toISOString();
}

renderers.push(() => {
  for (const head of document.querySelectorAll('th[data-key]')) {
    const order = head.dataset.key === sorting.key ? (sorting.descending ? 'descending' : 'ascending') : 'none';
    if (head.getAttribute('aria-sort') !== order) head.setAttribute('aria-sort', order);
  }
  if (!state.topics) return;
  const list = sorted(state.topics);
  const count = Math.max(state.totals?.topics_active ?? 0, list.length);
  const listed = new Set(list.map((data) => data.topic));
  for (const topic of rows.keys()) if (!listed.has(topic)) rows.delete(topic);
  const elements = list.map((data) => {
    if (!rows.has(data.topic)) rows.set(data.topic, makeRow(data.topic));
    fillRow(rows.get(data.topic), data);
    return rows.get(data.topic);
  });
  updateRows(elements);
  setText(byID('topics-count'), count === 0 ? translate('noTopics') : translate(list.length < count ? 'busiestOf' : 'topicsOf', formats.whole.format(list.length), formats.whole.format(count)));
  byID('topics-all').hidden = allTopics || list.length >= count;
  setText(byID('topics-all'), count > MOST_TOPICS ? translate('showBusiest', formats.whole.format(MOST_TOPICS)) : translate('showTopics', formats.whole.format(count)));
});

// updateRows replaces the rows if their order changed. It restores the focus, because a moved row loses it.
function updateRows(elements) {
  const body = byID('topics');
  if (elements.length === body.children.length && elements.every((element, i) => element === body.children[i])) return;
  const focused = body.contains(document.activeElement) ? document.activeElement : null;
  body.replaceChildren(...elements);
  focused?.focus({ preventScroll: true });
}

for (const head of document.querySelectorAll('th[data-key]')) {
  head.firstChild.addEventListener('click', () => {
    const { key } = head.dataset;
    sorting.descending = sorting.key === key ? !sorting.descending : key !== 'topic'; // numbers start with the largest
    sorting.key = key;
    render();
  });
}

byID('topics-all').addEventListener('click', () => {
  allTopics = true; // the next poll loads them
  render();
});
