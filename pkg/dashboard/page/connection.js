// The state of the connection. There are two channels to the server: polls for the totals and a stream of events. The
// status of each is 'connecting', 'ok', 'lost' (no connection), 'failing' (an error response), 'foreign' (a proxy responds with
// a page of its own) or 'denied' (the key must not read this).
const connection = {
  polls: { status: 'connecting', since: null },
  stream: { status: 'connecting', since: null },
};

function connected(channel) {
  connection[channel] = { status: 'ok', since: new Date() };
}

// disconnected sets the status of a channel. since stays at the last time that the channel was ok.
function disconnected(channel, status) {
  const before = connection[channel];
  connection[channel] = { status, since: before.since ?? new Date(), interrupted: true };
  render();
}

renderers.push(() => {
  const { polls, stream } = connection;
  let key = 'live';
  if (polls.status !== 'ok') key = polls.status;
  else if (stream.status === 'lost' || stream.status === 'failing') key = 'streamLost';
  else if (stream.status === 'foreign') key = 'streamForeign';
  if (session.state === 'needed' && !['lost', 'failing', 'foreign'].includes(key)) key = 'signedOut';
  const since = key.startsWith('stream') ? stream.since : key === 'signedOut' ? null : polls.since;
  byID('connection').dataset.state = key;
  setText(byID('connection-text'), since ? translate(key, clock(since)) : translate(key));
  document.body.classList.toggle('stale', ['lost', 'failing', 'foreign'].includes(key));
});

// StatusError is an unexpected status of a response.
class StatusError extends Error {
  constructor(response) {
    super(`status ${response.status}`);
    this.status = response.status;
  }
}

// ForeignError is a response that is not of an eventagg server.
class ForeignError extends Error {}

const isType = (response, type) => (response.headers.get('Content-Type') ?? '').toLowerCase().startsWith(type);
const isPage = (response) => isType(response, 'text/html');

// statusOf returns the status of a channel after an error of a request.
function statusOf(error) {
  if (error instanceof ForeignError) return 'foreign';
  return error instanceof StatusError ? 'failing' : 'lost';
}

const RESPONSE_TIMEOUT = 8000; // ms

// fetchJSON returns the JSON of a path and the time of the response. It accepts status 200 and the given ones.
async function fetchJSON(path, ...statuses) {
  const response = await fetch(path, { signal: AbortSignal.timeout(RESPONSE_TIMEOUT), cache: 'no-store', headers: { Accept: 'application/json' } });
  if (response.status === 401) sessionNeeded();
  if (isPage(response) || (response.ok && !isType(response, 'application/json'))) throw new ForeignError(`no JSON at ${path}`);
  if (!response.ok && !statuses.includes(response.status)) throw new StatusError(response);
  return { body: await response.json(), date: Date.parse(response.headers.get('Date')) };
}

const sleep = (time) => new Promise((resolve) => { setTimeout(resolve, time); });

const visibilityChange = () => new Promise((resolve) => {
  document.addEventListener('visibilitychange', resolve, { once: true });
});

// poll repeats work while the tab is visible and the session has a scope, if one is given. It waits longer after failures and
// if the server is slow.
async function poll(every, work, failed, scope) {
  for (let failures = 0; ;) {
    while (document.hidden || (scope && !may(scope))) await (document.hidden ? visibilityChange() : nextSession());
    const begin = performance.now();
    try {
      await work();
      failures = 0;
    } catch (error) {
      failures++;
      if (!(scope && error.status === 401)) failed?.(error);
    }
    const took = performance.now() - begin;
    await sleep(Math.max(every * Math.min(1 + failures, 5) - took, Math.min(4 * took, 10000), 100));
  }
}
