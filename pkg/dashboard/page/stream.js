// The stream of events. A browser has six connections to a server for all of its tabs. So a hidden tab has no stream, and
// the visible tabs that show the same topic share the stream of one of them, the leader. The leader holds a lock of the
// browser. It sends what it reads to the others over a channel. Browsers have locks only for pages from localhost or over
// TLS; without them each visible tab has its own stream.
const INITIAL_EVENTS = 20; // number of stored events to show at the start
const SILENCE = 45000; // ms after which a stream is dead; the server sends a comment every 15 s
const SHORT_STREAM = 5000; // ms; a shorter stream counts as a failure
const MANY_MISSED = 1000; // events; a tab that missed more gets only the latest ones

let cursor = null; // position in the stream
let recent = []; // the last events of the stream as {id, text}, oldest first, for tabs that join
let member = null; // this tab's part in the current stream, null if it has none
let failures = 0;
let heard = 0; // time of the last bytes of the stream, by performance.now
let storedWhenHidden = null;

// follow joins the stream of the selected topic. With steal it takes the lead from a tab that no longer works.
function follow(steal = false) {
  leave();
  if (document.hidden || !may('read')) return;
  const own = member = { id: `${Math.random()}`, stop: new AbortController(), channel: null, leads: false, joined: false, retry: null };
  heard = performance.now();
  if (!navigator.locks) {
    lead(own);
    return;
  }
  const name = `eventagg stream ${location.pathname} ${JSON.stringify(state.topic)}`;
  own.channel = new BroadcastChannel(name);
  own.channel.addEventListener('message', ({ data }) => own === member && receive(own, data));
  navigator.locks.request(name, steal ? { steal } : { signal: own.stop.signal }, () => lead(own)).catch(() => {
    if (own === member) follow(); // another tab took the lead
  });
  send(own, { join: own.id, cursor });
}

function leave() {
  member?.stop.abort();
  member?.channel?.close();
  member = null;
}

const send = (own, message) => own.channel?.postMessage(message);

// receive handles a message of another tab. Only the leader handles join, and only the others the rest.
function receive(own, message) {
  if (own.leads) {
    if (message.join) send(own, { to: message.join, events: recent.slice(recent.findLastIndex(({ id }) => id === message.cursor) + 1), cursor, channel: connection.stream });
    return;
  }
  heard = performance.now();
  if (message.lead) send(own, { join: own.id, cursor });
  if (message.to === own.id) own.joined = true; // what came before is part of this message
  if (message.lead || message.join || !own.joined || (message.to && message.to !== own.id)) return;
  if (message.problem) handleProblem(message.problem);
  if (message.events) accept(message);
  if (message.channel) {
    connection.stream = message.channel;
    render();
  }
}

// lead reads the stream, again after each failure, until this tab leaves.
async function lead(own) {
  own.leads = true;
  send(own, { lead: true });
  while (!own.stop.signal.aborted) {
    const begin = performance.now();
    const wait = await readStream(own);
    failures = performance.now() - begin > SHORT_STREAM ? 1 : failures + 1;
    const backoff = Math.min(250 * 2 ** failures, 15000) * (0.75 + Math.random() / 2);
    if (wait !== null && own === member) await new Promise((resolve) => { own.retry = resolve; setTimeout(resolve, Math.max(backoff, wait)); });
  }
}

// checkStream opens a new stream if the current one is dead: a connection can end without an error on either side.
function checkStream(pollsWereLost) {
  if (!member) return;
  const silent = performance.now() - heard > SILENCE;
  if (member.leads && (pollsWereLost || (silent && connection.stream.status === 'ok'))) {
    member.attempt?.abort();
    member.retry?.();
  } else if (!member.leads && silent) {
    follow(true);
  }
}

function streamStatus(own, status) {
  if (own !== member) return;
  status === 'ok' ? connected('stream') : disconnected('stream', status);
  send(own, { channel: connection.stream });
  render();
}

// readStream reads one response until it ends. It returns the minimum wait before the next one in milliseconds, or null
// for none.
async function readStream(own) {
  const address = new URL('events/stream', location.href);
  address.search = '';
  if (state.topic !== null) address.searchParams.set('topic', state.topic);
  if (cursor !== null) address.searchParams.set('cursor', cursor);
  else address.searchParams.set('limit', connection.stream.interrupted || list.length > 0 ? MAX_EVENTS : INITIAL_EVENTS); // after an interruption fill the list
  own.attempt = new AbortController();
  const timer = setTimeout(() => own.attempt.abort(), RESPONSE_TIMEOUT);
  try {
    const signal = AbortSignal.any([own.stop.signal, own.attempt.signal]);
    const response = await fetch(address, { signal, cache: 'no-store', headers: { Accept: 'text/event-stream' } });
    clearTimeout(timer);
    if (!response.ok || !isType(response, 'text/event-stream')) return await refused(own, response);
    heard = performance.now();
    streamStatus(own, 'ok');
    await readMessages(response.body, (events, id) => {
      if (own !== member) return;
      heard = performance.now();
      accept({ events, cursor: id });
      send(own, { events, cursor: id });
    });
  } catch { /* the connection is lost */
  } finally {
    clearTimeout(timer);
    own.attempt.abort();
  }
  streamStatus(own, 'lost');
  return 0;
}

// refused handles a response that is not a stream.
async function refused(own, response) {
  if (isPage(response) || response.ok) {
    streamStatus(own, 'foreign');
    return 0;
  }
  const problem = { ...await response.json().catch(() => ({})), status: response.status };
  if (own !== member) return null;
  send(own, { problem });
  if (handleProblem(problem)) return null;
  if (problem.status !== 401) streamStatus(own, 'failing');
  return 1000 * (Number(response.headers.get('Retry-After')) || 0);
}

// handleProblem handles the errors after which this page must change. It reports whether the stream is to be opened at once.
function handleProblem(problem) {
  if (problem.status === 401) {
    sessionNeeded();
    return false;
  }
  if (problem.status === 403) { // another topic or another session opens the next stream
    leave();
    connected('stream');
    connection.stream.status = 'denied';
    render();
    return true;
  }
  if (cursor !== null && (problem.status === 409 || problem.status === 410 || problem.type === 'urn:eventagg:problem:cursor')) {
    restart();
    return true;
  }
  if (problem.status === 422 && state.topic !== null) {
    showNotice('invalidTopic');
    selectTopic(null); // opens another stream
    return true;
  }
  return false;
}

// readMessages calls handle with the events, and the last position, of each piece of server-sent events.
async function readMessages(body, handle) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let parts = []; // of a message that is not complete
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    parts.push(value);
    if (!`${parts.at(-2)?.at(-1) ?? ''}${value}`.includes('\n\n')) {
      handle([], null);
      continue;
    }
    const text = parts.join('');
    const end = text.lastIndexOf('\n\n');
    parts = [text.slice(end + 2)];
    const events = [];
    let id = null;
    for (const message of text.slice(0, end).split('\n\n')) {
      const fields = Object.fromEntries(message.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]));
      id = fields.id ?? id;
      if (fields.event === 'event') events.push({ id: fields.id, text: fields.data });
    }
    handle(events, id);
  }
}

// accept takes events, and the position after them.
function accept({ events, cursor: position }) {
  cursor = position ?? cursor;
  for (const event of events) addEvent(event.text);
  recent.push(...events);
  if (recent.length >= 2 * MAX_EVENTS || events.some(({ text }) => text.length > 10000)) {
    recent = recent.slice(recent.length - countWithinLimits(recent.toReversed(), ({ text }) => text.length));
  }
}

function forgetEvents() {
  cursor = null;
  recent = [];
  clearEvents();
}

// restart clears the page if the server has different data, for example after a restore.
function restart() {
  forgetEvents();
  resetTotals();
  showNotice('otherData');
}

topicListeners.push(() => {
  failures = 0;
  connection.stream = { status: 'connecting', since: null };
  forgetEvents();
  follow();
});

// A tab that is shown again continues at its position. It leaves out events that would not stay in the list.
document.addEventListener('visibilitychange', async () => {
  seriesNeeded = true;
  if (document.hidden) {
    storedWhenHidden = state.totals?.unique_processed ?? null;
    leave();
    return;
  }
  const { body } = await fetchJSON('stats').catch(() => ({}));
  if (storedWhenHidden !== null && body?.unique_processed > storedWhenHidden + MANY_MISSED) cursor = null;
  if (!document.hidden && !member) follow();
});
