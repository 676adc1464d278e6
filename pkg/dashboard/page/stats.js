// Totals and rates, of everything or of one topic, and their history for the chart.
const SPAN = 15 * 60 * 1000; // ms
const TOPIC_HISTORIES = 50;

// History has the totals at moments of the reader's clock, oldest first.
class History {
  samples = [];

  add(t, unique, duplicates) {
    const last = this.samples.at(-1);
    if (last && (unique < last.unique || duplicates < last.duplicates)) this.samples = []; // other data
    else if (last && t - last.t < 100) return;
    this.samples.push({ t, unique, duplicates });
    while (this.samples[0].t < t - SPAN - 30000) this.samples.shift();
  }

  // rates are those of the last five seconds, or null while nobody knows.
  rates() {
    const last = this.samples.at(-1);
    const from = this.samples.findLast((sample) => sample.t <= last.t - 4500) ?? this.samples[0];
    const time = last ? (last.t - from.t) / 1000 : 0;
    if (time < 0.5 || time > 30) return null;
    return { unique: (last.unique - from.unique) / time, duplicates: (last.duplicates - from.duplicates) / time };
  }
}

const histories = { all: new History(), topics: new Map() };
let seriesWanted = true; // at the beginning and after every break

const currentHistory = () => (state.topic === null ? histories.all : histories.topics.get(state.topic) ?? new History());

function forget() {
  histories.all = new History();
  histories.topics.clear();
  state.totals = null;
  state.topics = null;
  seriesWanted = true;
}

// loadSeries takes over what the server saw while this page did not. Points are moved onto the reader's clock; the Date
// of the answer is cut to whole seconds.
async function loadSeries() {
  const { body, date } = await ask('stats/series');
  const shift = Date.now() - (Number.isNaN(date) ? Date.now() : date + 500);
  const points = body.points.map((p) => ({ t: Date.parse(p.time) + shift, unique: p.unique_processed, duplicates: p.duplicate_dropped }));
  const mine = histories.all.samples.filter((sample) => points.length === 0 || sample.t < points[0].t - 1000);
  histories.all = new History();
  for (const { t, unique, duplicates } of [...mine, ...points]) histories.all.add(Math.min(t, Date.now()), unique, duplicates);
  seriesWanted = false;
}

async function pollTotals() {
  if (seriesWanted) await loadSeries();
  const { body } = await ask('stats');
  state.totals = body;
  histories.all.add(Date.now(), body.unique_processed, body.duplicate_dropped);
  checkStream(body.unique_processed, link.polls.how === 'lost');
  reached('polls');
  paint();
}

async function pollTopics() {
  const { body } = await ask('stats/topics');
  state.topics = body.map((row) => ({
    topic: row.topic, received: row.unique_processed + row.duplicate_dropped, unique: row.unique_processed, duplicates: row.duplicate_dropped,
    share: row.duplicate_dropped / (row.unique_processed + row.duplicate_dropped), last: Date.parse(row.last_seen),
  }));
  const now = Date.now();
  for (const row of state.topics) {
    let history = histories.topics.get(row.topic);
    if (!history && (histories.topics.size < TOPIC_HISTORIES || row.topic === state.topic)) {
      history = new History();
      histories.topics.set(row.topic, history);
    }
    history?.add(now, row.unique, row.duplicates);
  }
  paint();
}

const HEALTH = { ok: 'good', draining: 'fair', unknown: 'fair' };
let checks = null;

async function pollHealth() {
  const { body } = await ask('readyz', 503);
  checks = body.checks ?? {};
  paint();
}

painters.push(() => {
  if (!checks) return;
  const { language: was, checks: are } = byID('health').dataset;
  const now = JSON.stringify(checks);
  if (was === language && are === now) return;
  Object.assign(byID('health').dataset, { language, checks: now });
  byID('health').replaceChildren(...['server', 'store', 'broker', ...Object.keys(checks)].filter((name, i, all) => name in checks && all.indexOf(name) === i).map((name) => make(
    'li', { 'data-state': HEALTH[checks[name]] ?? 'bad' },
    make('span', { class: 'dot', 'aria-hidden': 'true' }),
    `${TEXTS[language][name] ?? name} ${TEXTS[language][checks[name]] ?? checks[name]}`,
  )));
});

function currentTotals() {
  if (state.topic === null) {
    const { totals } = state;
    return totals && { unique: totals.unique_processed, duplicates: totals.duplicate_dropped };
  }
  return state.topics && (state.topics.find((row) => row.topic === state.topic) ?? { unique: 0, duplicates: 0 });
}

painters.push(() => {
  const totals = currentTotals();
  const rates = link.polls.how === 'ok' ? currentHistory().rates() : null; // nobody knows what they are now
  const fields = { received: (x) => x.unique + x.duplicates, unique: (x) => x.unique, duplicates: (x) => x.duplicates };
  for (const [id, of] of Object.entries(fields)) {
    write(byID(id), totals ? formats.whole.format(of(totals)) : '–');
    write(byID(`${id}-rate`), say('perSecond', formatRate(rates && of(rates))));
  }
  write(byID('ratio'), totals ? formatShare(totals.duplicates, totals.unique + totals.duplicates) : '–');
  write(byID('ratio-note'), say(state.topic === null ? 'ofReceived' : 'ofTopic'));
  for (const [id, name] of [['queued', 'queued'], ['dead', 'dead_letters']]) {
    const count = state.totals?.[name];
    byID(`${id}-card`).hidden = count === undefined;
    byID(`${id}-card`).classList.toggle('bad', id === 'dead' && count > 0);
    if (count !== undefined) write(byID(id), formats.whole.format(count));
  }
  if (state.totals) write(byID('uptime'), say('uptime', formatDuration(state.totals.uptime_seconds)));
  if (state.version) write(byID('version'), say('version', state.version));
});

// Until there is an event, the page says how to publish one.
painters.push(() => {
  const { totals } = state;
  const empty = totals !== null && totals.received === 0 && !totals.queued && state.topic === null;
  byID('empty').hidden = !empty;
  byID('rates').hidden = empty;
  byID('lists').hidden = empty;
});

const home = new URL('.', location.href).href.replaceAll("'", '%27');
byID('curl').textContent = `curl '${home}publish' -H 'Content-Type: application/json' -d '{"topic": "greeting", "event_id": "1", "timestamp": "${new Date().toISOString().slice(0, 19)}Z", "source": "me", "payload": {"text": "hello"}}'`;
byID('publish').textContent = `eventagg publish --url '${home.replace(/\/$/, '')}' --count 20000 --dup-rate 0.3`;
offerCopy(byID('copy'), () => byID('curl').textContent, byID('curl'));
offerCopy(byID('copy-publish'), () => byID('publish').textContent, byID('publish'));
