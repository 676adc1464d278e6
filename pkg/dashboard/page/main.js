// The stream of events, and the start of the page.
const INITIAL_EVENTS = 20; // number of stored events to show at the start

let source = null;
let cursor = null; // of the last event
let generation = 0; // number of the current stream; a result for an older one is ignored
let failures = 0;

// follow opens a stream that continues after the last event. The browser reconnects by itself if the connection is lost.
// It gives up after an error response.
function follow() {
  source?.close();
  const own = ++generation;
  const address = new URL('events/stream', location.href);
  address.search = '';
  if (state.topic !== null) address.searchParams.set('topic', state.topic);
  if (cursor !== null) address.searchParams.set('cursor', cursor);
  else address.searchParams.set('limit', connection.stream.interrupted ? MAX_EVENTS : INITIAL_EVENTS); // after an interruption fill the list
  source = new EventSource(address);
  source.addEventListener('open', () => {
    failures = 0;
    connected('stream');
    render();
  });
  source.addEventListener('event', (event) => {
    cursor = event.lastEventId;
    growth.since = null;
    addEvent(event.data);
  });
  source.addEventListener('error', async () => {
    disconnected('stream', 'lost');
    if (source.readyState !== EventSource.CLOSED) return;
    const wait = await diagnose(address, ++failures);
    if (own !== generation) return;
    await sleep(wait);
    if (own === generation) follow();
  });
}

// checkStream opens a new stream if the current one seems dead. A connection can end without an error on either side.
// It seems dead after the polls lost their connection, and if stored events were added for a while but none arrived.
const STREAM_TIMEOUT = 20000; // ms
const growth = { stored: Infinity, since: null };

function checkStream(stored, wasLost) {
  if (stored > growth.stored && state.topic === null) growth.since ??= performance.now();
  growth.stored = stored;
  if (connection.stream.status === 'ok' && (wasLost || (growth.since !== null && performance.now() - growth.since > STREAM_TIMEOUT))) {
    growth.since = null;
    follow();
  }
}

// diagnose requests the stream again to get the error response, which EventSource hides. It returns how long to wait.
async function diagnose(address, failures) {
  const backoff = Math.min(500 * 2 ** failures, 15000) * (0.75 + Math.random() / 2);
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), RESPONSE_TIMEOUT);
  try {
    const response = await fetch(address, { signal: stop.signal, cache: 'no-store', headers: { Accept: 'text/event-stream' } });
    if (response.ok) return 0;
    const problem = await response.json().catch(() => ({}));
    if (response.status === 409 || problem.type === 'urn:eventagg:problem:cursor') {
      restart();
      return 0;
    }
    if (response.status === 422 && state.topic !== null) {
      showNotice('invalidTopic');
      selectTopic(null); // opens a new stream
    }
    disconnected('stream', 'failing');
    return Math.max(backoff, 1000 * (Number(response.headers.get('Retry-After')) || 0));
  } catch {
    return backoff;
  } finally {
    clearTimeout(timer);
    stop.abort();
  }
}

// restart clears the page if the server has different data, for example after a restore.
function restart() {
  cursor = null;
  clearEvents();
  resetTotals();
  showNotice('otherData');
}

topicListeners.push(() => {
  cursor = null;
  failures = 0;
  connection.stream = { status: 'connecting', since: null };
  clearEvents();
  follow();
});

document.addEventListener('visibilitychange', () => { seriesNeeded = true; });

translatePage();
render();
poll(1000, pollTotals, (error) => {
  seriesNeeded = true;
  disconnected('polls', error instanceof StatusError ? 'failing' : 'lost');
});
poll(1000, pollTopics);
poll(3000, pollHealth, () => {
  checks = checks && Object.fromEntries(Object.keys(checks).map((name) => [name, 'unknown']));
  render();
});
poll(60000, async () => {
  const { body } = await fetchJSON('healthz');
  state.version = body.version;
  render();
});
follow();
