// The list of events, newest first. The list, and the events that wait during a pause, have a maximum number and size.
const MAX_EVENTS = 200;
const MAX_CHARACTERS = 16 << 20;
const PREVIEW_LENGTH = 160;
const MAX_PAYLOAD_SHOWN = 20000;

let pending = []; // texts of events that are not in the list yet, oldest first
let waiting = 0; // number of events since the last update of the list, including dropped ones
let paused = false;
const list = []; // {text, fields, element}, newest first

// countWithinLimits returns how many items, newest first, are within the limits.
function countWithinLimits(items, size) {
  let characters = 0;
  const count = items.findIndex((item, i) => i >= MAX_EVENTS || (characters += size(item)) > MAX_CHARACTERS && i > 0);
  return count < 0 ? items.length : count;
}

function addEvent(text) {
  pending.push(text);
  waiting++;
  if (pending.length >= 2 * MAX_EVENTS || text.length > 10000) trimPending();
  scheduleUpdate();
}

function trimPending() {
  const count = countWithinLimits(pending.toReversed(), (text) => text.length);
  pending = pending.slice(pending.length - count);
}

// scheduleUpdate updates the list at most five times a second.
let updateTimer = 0;
function scheduleUpdate() {
  updateTimer ||= setTimeout(() => {
    updateTimer = 0;
    if (!paused) updateList();
    renderEvents();
  }, 200);
}

function updateList() {
  trimPending();
  const shown = new Set(list.map(identity));
  const added = [];
  for (const text of pending) {
    const fields = parseFields(text);
    if (shown.has(identity({ fields }))) continue; // a tab that joins a stream may get an event again
    shown.add(identity({ fields }));
    added.unshift(makeItem(text, fields));
  }
  pending = [];
  waiting = 0;
  if (added.length === 0) return;
  byID('events').prepend(...added.map((item) => item.element));
  list.unshift(...added);
  for (const item of list.splice(countWithinLimits(list, ({ text }) => text.length))) item.element.remove();
}

function clearEvents() {
  pending = [];
  waiting = 0;
  paused = false;
  list.length = 0;
  byID('events').replaceChildren();
  renderEvents();
}

const identity = ({ fields }) => JSON.stringify([fields.topic, fields.event_id]);

function parseFields(text) {
  const values = members(text);
  const fields = { payload: values.get('payload') };
  for (const name of ['topic', 'event_id', 'source', 'timestamp', 'created_at']) fields[name] = JSON.parse(values.get(name) ?? '""');
  return fields;
}

function makeItem(text, fields) {
  const item = { text, fields };
  item.element = makeEvent(item);
  item.element.hidden = !matches(item);
  return item;
}

function makeEvent({ fields }) {
  const time = createNode('time', { datetime: fields.created_at, title: fields.created_at }, formatMoment(fields.created_at, 'millisecond'));
  const cell = (name, text) => createNode('span', { class: name }, createNode('bdi', {}, text));
  const preview = escapeInvisible(fields.payload.slice(0, PREVIEW_LENGTH)) + (fields.payload.length > PREVIEW_LENGTH ? ' …' : '');
  const names = [cell('topic', escapeName(fields.topic)), cell('id', escapeName(fields.event_id))];
  const details = createNode('details', {}, createNode('summary', {}, time, ...names, cell('preview', preview)));
  details.addEventListener('toggle', () => {
    if (!details.open) return;
    if (details.children.length === 1) details.append(makeDetails(fields));
    setPaused(true); // otherwise new events would move it while the user reads it
  });
  return createNode('li', {}, details);
}

// Events of another day show their date, also after midnight and after a change of the language.
let timesShown = '';
renderers.push(() => {
  const shown = language + new Date().toDateString();
  if (shown === timesShown) return;
  timesShown = shown;
  for (const time of document.querySelectorAll('#events time')) setText(time, formatMoment(time.dateTime, 'millisecond'));
});

const utf8 = new TextEncoder();

function makeDetails(fields) {
  const facts = createNode('dl');
  for (const [key, name] of [['topic', 'topic'], ['eventID', 'event_id'], ['source', 'source'], ['timestamp', 'timestamp'], ['storedAt', 'created_at']]) {
    facts.append(createNode('dt', { 'data-t': key }, translate(key)), createNode('dd', {}, createNode('bdi', {}, escapeName(fields[name]))));
  }
  const payload = createNode('pre', { tabindex: 0, 'aria-label': translate('payload') }, indent(fields.payload, MAX_PAYLOAD_SHOWN));
  const copy = createNode('button', { type: 'button', 'data-t': 'copy' }, translate('copy'));
  enableCopy(copy, () => fields.payload, payload);
  const actions = createNode('p', { class: 'actions' }, copy);
  const path = [fields.topic, fields.event_id];
  if (!path.some((part) => part === '.' || part === '..')) { // a URL can't have these parts
    actions.append(createNode('a', { href: `events/${path.map(encodeURIComponent).join('/')}`, 'data-t': 'openJSON' }, translate('openJSON')));
  }
  const parts = [facts, payload, actions];
  if (indent(fields.payload, MAX_PAYLOAD_SHOWN + 1).length > payload.textContent.length) {
    payload.append(' …');
    const cut = createNode('p', { class: 'note' }, translate('payloadCut', formats.whole.format(MAX_PAYLOAD_SHOWN), formatBytes(utf8.encode(fields.payload).length)));
    const more = createNode('button', { type: 'button', 'data-t': 'more' }, translate('more'));
    more.addEventListener('click', () => {
      setText(payload, indent(fields.payload));
      payload.focus();
      more.remove();
      cut.remove();
    });
    actions.prepend(more);
    parts.splice(2, 0, cut);
  }
  return createNode('div', { class: 'body' }, ...parts);
}

// The search compares topic, event ID, source and payload, ignoring case.
let query = '';

function matches({ fields }) {
  return query === '' || ['topic', 'event_id', 'source', 'payload'].some((name) => fields[name].toLowerCase().includes(query));
}

let searchTimer;
byID('search').addEventListener('input', () => {
  clearTimeout(searchTimer);
  searchTimer = setTimeout(() => {
    query = byID('search').value.toLowerCase();
    for (const item of list) item.element.hidden = !matches(item);
    renderEvents();
  }, 150);
});

function setPaused(on) {
  paused = on;
  if (!on) updateList();
  renderEvents();
}
byID('pause').addEventListener('click', () => setPaused(!paused));

function renderEvents() {
  const count = formats.whole.format(waiting);
  setText(byID('pause'), paused ? (waiting > 0 ? translate('resumeWaiting', count) : translate('resume')) : translate('pause'));
  trimPending();
  const notes = [];
  if (query !== '') notes.push(translate('matches', formats.whole.format(list.filter((item) => !item.element.hidden).length), formats.whole.format(list.length)));
  if (paused && waiting > pending.length) notes.push(translate('waitingLimit', count, formats.whole.format(pending.length)));
  if (connection.stream.status === 'denied') notes.push(translate('eventsDenied'));
  else if (!may('read') && session.state === 'open') notes.push(translate('noEventsScope'));
  else if (list.length === 0 && !paused) notes.push(translate('noEvents'));
  setText(byID('events-note'), notes.join(' '));
}
renderers.push(renderEvents);
