// The stream of events, and the beginning of everything.
const FIRST = 20; // events that are there already

let source = null;
let cursor = null; // of the last event that came
let attempt = 0; // which stream the answers belong to
let failures = 0;

// follow opens a stream that goes on behind the last event. A browser comes back by itself after a connection breaks;
// it gives up when the answer is a fault.
function follow() {
  source?.close();
  const mine = ++attempt;
  const address = new URL('events/stream', location.href);
  address.search = '';
  if (state.topic !== null) address.searchParams.set('topic', state.topic);
  if (cursor !== null) address.searchParams.set('cursor', cursor);
  else address.searchParams.set('limit', link.stream.missed ? KEPT : FIRST); // after a break: whatever the list can hold
  source = new EventSource(address);
  source.addEventListener('open', () => {
    failures = 0;
    reached('stream');
    paint();
  });
  source.addEventListener('event', (event) => {
    cursor = event.lastEventId;
    growth.since = null;
    arrive(event.data);
  });
  source.addEventListener('error', async () => {
    missed('stream', 'lost');
    if (source.readyState !== EventSource.CLOSED) return;
    const wait = await explain(address, ++failures);
    if (mine !== attempt) return;
    await delay(wait);
    if (mine === attempt) follow();
  });
}

// checkStream opens another stream where this one seems to be dead: a connection can end without either side hearing of
// it. That is so when the polls had none either, and when the store has grown for a while and no event has come.
const DEAF = 20000; // ms
const growth = { unique: Infinity, since: null };

function checkStream(unique, wasLost) {
  if (unique > growth.unique && state.topic === null) growth.since ??= performance.now();
  growth.unique = unique;
  if (link.stream.how === 'ok' && (wasLost || (growth.since !== null && performance.now() - growth.since > DEAF))) {
    growth.since = null;
    follow();
  }
}

// explain asks again why there is no stream, which a browser keeps to itself, and returns how long to wait.
async function explain(address, failures) {
  const backoff = Math.min(500 * 2 ** failures, 15000) * (0.75 + Math.random() / 2);
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), ANSWER_TIME);
  try {
    const response = await fetch(address, { signal: stop.signal, cache: 'no-store', headers: { Accept: 'text/event-stream' } });
    if (response.ok) return 0;
    const problem = await response.json().catch(() => ({}));
    if (response.status === 409 || problem.type === 'urn:eventagg:problem:cursor') {
      startAnew();
      return 0;
    }
    if (response.status === 422 && state.topic !== null) {
      tell('badTopic');
      choose(null); // which follows anew
    }
    missed('stream', 'ill');
    return Math.max(backoff, 1000 * (Number(response.headers.get('Retry-After')) || 0));
  } catch {
    return backoff;
  } finally {
    clearTimeout(timer);
    stop.abort();
  }
}

// startAnew is for a server that has other data than what is shown.
function startAnew() {
  cursor = null;
  clearEvents();
  forget();
  tell('otherData');
}

filterChanged.push(() => {
  cursor = null;
  failures = 0;
  link.stream = { how: 'opening', since: null };
  clearEvents();
  follow();
});

document.addEventListener('visibilitychange', () => { seriesWanted = true; });

translate();
paint();
poll(1000, pollTotals, (error) => {
  seriesWanted = true;
  missed('polls', error instanceof Fault ? 'ill' : 'lost');
});
poll(1000, pollTopics);
poll(3000, pollHealth, () => {
  checks = checks && Object.fromEntries(Object.keys(checks).map((name) => [name, 'unknown']));
  paint();
});
poll(60000, async () => {
  const { body } = await ask('healthz');
  state.version = body.version;
  paint();
});
follow();
