// Totals and rates of all topics or of one, and their history for the chart.
const CHART_SPAN = 15 * 60 * 1000; // ms
const TOPIC_HISTORIES = 50;

// now returns the time of the browser's clock, but without its jumps: a difference of two times is the time that passed. If
// the clock was set, checkClock moves the past along, so that the chart has the reader's new times.
let clockOffset = Date.now() - performance.now();
const now = () => performance.now() + clockOffset;

function checkClock() {
  const jump = Date.now() - now();
  if (Math.abs(jump) < 2000) return;
  clockOffset += jump;
  seriesNeeded = true;
  for (const history of [histories.all, ...histories.topics.values()]) {
    if (jump < 0) history.move(jump);
    else history.samples = []; // perhaps the machine was asleep; the server has the past
  }
}

// History is a list of totals with the times of now, oldest first.
class History {
  samples = [];

  add(t, stored, duplicates) {
    const last = this.samples.at(-1);
    if (last && (stored < last.stored || duplicates < last.duplicates)) this.samples = []; // a restored database
    else if (last && t - last.t < 100) return;
    this.samples.push({ t, stored, duplicates });
    while (this.samples[0].t < t - CHART_SPAN - 30000) this.samples.shift();
  }

  move(by) {
    for (const sample of this.samples) sample.t += by;
  }

  // rates returns the events per second over the last 5 seconds, or null if they are unknown.
  rates() {
    const last = this.samples.at(-1);
    const from = this.samples.findLast((sample) => sample.t <= last.t - 4500) ?? this.samples[0];
    const time = last ? (last.t - from.t) / 1000 : 0;
    if (time < 0.5 || time > 30) return null;
    return { stored: (last.stored - from.stored) / time, duplicates: (last.duplicates - from.duplicates) / time };
  }
}

const histories = { all: new History(), topics: new Map() };
let seriesNeeded = true; // at the start and after each interruption

const currentHistory = () => (state.topic === null ? histories.all : histories.topics.get(state.topic) ?? new History());

function resetTotals() {
  histories.all = new History();
  histories.topics.clear();
  state.totals = null;
  state.totalsDenied = false;
  state.topics = null;
  seriesNeeded = true;
}

// loadSeries loads the history that the server recorded. It shifts the times to the browser's clock. The Date header has
// whole seconds, so half a second is added.
async function loadSeries() {
  const { body, date } = await fetchJSON('stats/series');
  const shift = Number.isNaN(date) ? 0 : now() - date - 500;
  const points = body.points.map((p) => ({ t: Date.parse(p.time) + shift, stored: p.unique_processed, duplicates: p.duplicate_dropped }));
  const own = histories.all.samples.filter((sample) => points.length === 0 || sample.t < points[0].t - 1000);
  histories.all = new History();
  for (const { t, stored, duplicates } of [...own, ...points]) histories.all.add(Math.min(t, now()), stored, duplicates);
  seriesNeeded = false;
}

async function pollTotals() {
  checkClock();
  if (seriesNeeded) await loadSeries();
  const { body } = await fetchJSON('stats');
  state.totals = body;
  histories.all.add(now(), body.unique_processed, body.duplicate_dropped);
  checkStream(!['ok', 'connecting'].includes(connection.polls.status));
  connected('polls');
  render();
}

// totalsDenied: totals need a key that may use all topics.
function totalsDenied() {
  state.totalsDenied = true;
  connected('polls');
  render();
}

async function fetchTopics(parameters) {
  const { body } = await fetchJSON(`stats/topics?${new URLSearchParams(parameters)}`);
  return body.map((row) => ({
    topic: row.topic, received: row.unique_processed + row.duplicate_dropped, stored: row.unique_processed, duplicates: row.duplicate_dropped,
    share: row.duplicate_dropped / (row.unique_processed + row.duplicate_dropped), last: Date.parse(row.last_seen),
  }));
}

// pollTopics loads the busiest topics, as many as the page shows, and the selected one.
async function pollTopics() {
  const selected = state.topic;
  const topics = await fetchTopics({ limit: allTopics ? MOST_TOPICS : MAX_TOPICS_SHOWN });
  if (selected !== null && !topics.some((row) => row.topic === selected)) topics.push(...await fetchTopics({ topic: selected }));
  state.topics = topics;
  const time = now();
  for (const row of state.topics) {
    let history = histories.topics.get(row.topic);
    if (!history && (histories.topics.size < TOPIC_HISTORIES || row.topic === state.topic)) {
      history = new History();
      histories.topics.set(row.topic, history);
    }
    history?.add(time, row.stored, row.duplicates);
  }
  render();
}

const HEALTH = { ok: 'good', draining: 'fair', unknown: 'fair' };
let checks = null;

async function pollHealth() {
  const { body } = await fetchJSON('readyz', 503);
  checks = body.checks ?? {};
  if (!may('metrics')) connected('polls'); // otherwise the totals show that the server responds
  render();
}

renderers.push(() => {
  if (!checks) return;
  const shown = language + JSON.stringify(checks);
  if (byID('health').dataset.shown === shown) return;
  byID('health').dataset.shown = shown;
  byID('health').replaceChildren(...['server', 'store', 'broker', ...Object.keys(checks)].filter((name, i, all) => name in checks && all.indexOf(name) === i).map((name) => createNode(
    'li', { 'data-state': HEALTH[checks[name]] ?? 'bad' },
    createNode('span', { class: 'dot', 'aria-hidden': 'true' }),
    `${TEXTS[language][name] ?? name} ${TEXTS[language][checks[name]] ?? checks[name]}`,
  )));
});

function currentTotals() {
  if (state.topic === null) {
    const { totals } = state;
    return totals && { stored: totals.unique_processed, duplicates: totals.duplicate_dropped };
  }
  return state.topics && (state.topics.find((row) => row.topic === state.topic) ?? { stored: 0, duplicates: 0 });
}

renderers.push(() => {
  const totals = currentTotals();
  const rates = connection.polls.status === 'ok' ? currentHistory().rates() : null;
  const fields = { received: (x) => x.stored + x.duplicates, stored: (x) => x.stored, duplicates: (x) => x.duplicates };
  for (const [id, of] of Object.entries(fields)) {
    setText(byID(id), totals ? formats.whole.format(of(totals)) : '–');
    setText(byID(`${id}-rate`), translate('perSecond', formatRate(rates && of(rates))));
  }
  setText(byID('ratio'), totals ? formatShare(totals.duplicates, totals.stored + totals.duplicates) : '–');
  setText(byID('ratio-note'), translate(state.topic === null ? 'ofReceived' : 'ofTopic'));
  for (const [id, name] of [['queued', 'queued'], ['dead-letters', 'dead_letters']]) {
    const count = state.totals?.[name];
    byID(`${id}-card`).hidden = count === undefined;
    byID(`${id}-card`).classList.toggle('bad', id === 'dead-letters' && count > 0);
    if (count !== undefined) setText(byID(id), formats.whole.format(count));
  }
  if (state.totals) setText(byID('uptime'), translate('uptime', formatDuration(state.totals.uptime_seconds)));
  if (state.version) setText(byID('version'), translate('version', state.version));
});

// If there are no events, the page shows how to publish one.
renderers.push(() => {
  const { totals } = state;
  const signedOut = session.state === 'needed';
  const empty = !signedOut && totals !== null && totals.received === 0 && !totals.queued && state.topic === null;
  const noTotals = signedOut || !may('metrics') || state.totalsDenied;
  byID('totals').hidden = noTotals && (signedOut || state.topic === null);
  byID('empty').hidden = !empty;
  byID('rates').hidden = empty || byID('totals').hidden;
  byID('lists').hidden = empty || signedOut;
  byID('topics-panel').hidden = !may('metrics');
  byID('lists').classList.toggle('single', !may('metrics'));
  const denied = !signedOut && session.required && (noTotals ? 'noTotals' : !may('read') ? 'noEventsScope' : null);
  byID('denied').hidden = !denied;
  if (denied) setText(byID('denied'), translate(denied));
});

const home = new URL('.', location.href).href.replaceAll("'", '%27');
byID('curl').textContent = `curl '${home}publish' -H 'Content-Type: application/json' -d '{"topic": "greeting", "event_id": "1", "timestamp": "${new Date().toISOString().slice(0, 19)}Z", "source": "me", "payload": {"text": "hello"}}'`;
byID('publish').textContent = `eventagg publish --url '${home.replace(/\/$/, '')}' --count 20000 --dup-rate 0.3`;
enableCopy(byID('copy'), () => byID('curl').textContent, byID('curl'));
enableCopy(byID('copy-publish'), () => byID('publish').textContent, byID('publish'));
