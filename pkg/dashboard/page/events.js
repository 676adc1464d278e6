// The list of events, newest first. It is bounded in number and in characters, and so is what waits while it is paused.
const KEPT = 200;
const KEPT_CHARACTERS = 16 << 20;
const PREVIEW = 160;
const PAYLOAD_SHOWN = 20000;

let arrived = []; // texts that are not in the list yet, oldest first
let waiting = 0; // how many came since the last time the list was filled
let paused = false;
const list = []; // {text, fields, element}, newest first

// bounded cuts off the oldest; size says how long an item is.
function bounded(items, size) {
  let characters = 0;
  const count = items.findIndex((item, i) => i >= KEPT || (characters += size(item)) > KEPT_CHARACTERS && i > 0);
  return count < 0 ? items.length : count;
}

function arrive(text) {
  arrived.push(text);
  waiting++;
  if (arrived.length >= 2 * KEPT || text.length > 10000) trimArrived();
  scheduleFill();
}

function trimArrived() {
  const kept = bounded(arrived.toReversed(), (text) => text.length);
  arrived = arrived.slice(arrived.length - kept);
}

// The list is filled a few times a second at most, however fast events come.
let filling = 0;
function scheduleFill() {
  filling ||= setTimeout(() => {
    filling = 0;
    if (!paused) fill();
    paintEvents();
  }, 200);
}

function fill() {
  trimArrived();
  const added = arrived.map(parseEvent).reverse();
  arrived = [];
  waiting = 0;
  if (added.length === 0) return;
  byID('events').prepend(...added.map((item) => item.element));
  list.unshift(...added);
  for (const item of list.splice(bounded(list, ({ text }) => text.length))) item.element.remove();
}

function clearEvents() {
  arrived = [];
  waiting = 0;
  paused = false;
  list.length = 0;
  byID('events').replaceChildren();
  paintEvents();
}

function parseEvent(text) {
  const found = members(text);
  const fields = { payload: found.get('payload') };
  for (const name of ['topic', 'event_id', 'source', 'timestamp', 'created_at']) fields[name] = JSON.parse(found.get(name) ?? '""');
  const item = { text, fields };
  item.element = makeEvent(item);
  item.element.hidden = !matches(item);
  return item;
}

function makeEvent({ fields }) {
  const created = new Date(fields.created_at);
  const time = make('time', { datetime: fields.created_at, title: fields.created_at }, clock(created, 'millisecond'));
  const cell = (name, text) => make('span', { class: name }, make('bdi', {}, text));
  const preview = visible(fields.payload.slice(0, PREVIEW)) + (fields.payload.length > PREVIEW ? ' …' : '');
  const details = make('details', {}, make('summary', {}, time, cell('topic', fields.topic), cell('id', fields.event_id), cell('preview', preview)));
  details.addEventListener('toggle', () => {
    if (!details.open) return;
    if (details.children.length === 1) details.append(makeBody(fields));
    setPaused(true); // else the event would be pushed away from who reads it
  });
  return make('li', {}, details);
}

function makeBody(fields) {
  const facts = make('dl');
  for (const [key, name] of [['topic', 'topic'], ['eventID', 'event_id'], ['source', 'source'], ['timestamp', 'timestamp'], ['stored', 'created_at']]) {
    facts.append(make('dt', { 'data-t': key }, say(key)), make('dd', {}, make('bdi', {}, fields[name])));
  }
  const payload = make('pre', { tabindex: 0, 'aria-label': say('payload') }, pretty(fields.payload, PAYLOAD_SHOWN));
  const copy = make('button', { type: 'button', 'data-t': 'copy' }, say('copy'));
  offerCopy(copy, () => fields.payload, payload);
  const actions = make('p', { class: 'actions' }, copy);
  const path = [fields.topic, fields.event_id];
  if (!path.some((part) => part === '.' || part === '..')) { // which no address can hold
    actions.append(make('a', { href: `events/${path.map(encodeURIComponent).join('/')}`, 'data-t': 'openJSON' }, say('openJSON')));
  }
  if (pretty(fields.payload, PAYLOAD_SHOWN + 1).length > payload.textContent.length) {
    const more = make('button', { type: 'button' }, say('more', formatBytes(fields.payload.length)));
    more.addEventListener('click', () => {
      write(payload, pretty(fields.payload));
      payload.focus();
      more.remove();
    });
    actions.prepend(more);
  }
  return make('div', { class: 'body' }, facts, payload, actions);
}

// The search is over what an event's line and its payload say, in any case of letters.
let wanted = '';

function matches({ fields }) {
  return wanted === '' || ['topic', 'event_id', 'source', 'payload'].some((name) => fields[name].toLowerCase().includes(wanted));
}

let searching;
byID('search').addEventListener('input', () => {
  clearTimeout(searching);
  searching = setTimeout(() => {
    wanted = byID('search').value.toLowerCase();
    for (const item of list) item.element.hidden = !matches(item);
    paintEvents();
  }, 150);
});

function setPaused(on) {
  paused = on;
  if (!on) fill();
  paintEvents();
}
byID('pause').addEventListener('click', () => setPaused(!paused));

function paintEvents() {
  const count = formats.whole.format(waiting);
  write(byID('pause'), paused ? (waiting > 0 ? say('resumeWaiting', count) : say('resume')) : say('pause'));
  trimArrived();
  const notes = [];
  if (wanted !== '') notes.push(say('found', formats.whole.format(list.filter((item) => !item.element.hidden).length), formats.whole.format(list.length)));
  if (paused && waiting > arrived.length) notes.push(say('waitingBound', count, formats.whole.format(arrived.length)));
  if (list.length === 0 && !paused) notes.push(say('noEvents'));
  write(byID('events-note'), notes.join(' '));
}
painters.push(paintEvents);
