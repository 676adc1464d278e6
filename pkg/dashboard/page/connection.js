// The state of the connection. There are two channels to the server: polls for the totals and a stream of events. The
// status of each is 'connecting', 'ok', 'lost' (no connection) or 'failing' (an error response).
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
  const since = key === 'streamLost' ? stream.since : polls.since;
  byID('connection').dataset.state = key;
  setText(byID('connection-text'), since ? translate(key, clock(since)) : translate(key));
  document.body.classList.toggle('stale', key === 'lost' || key === 'failing');
});

// StatusError is an unexpected status of a response.
class StatusError extends Error {
  constructor(response) {
    super(`status ${response.status}`);
    this.status = response.status;
  }
}

const RESPONSE_TIMEOUT = 8000; // ms

// fetchJSON returns the JSON of a path and the time of the response. It accepts status 200 and the given ones.
async function fetchJSON(path, ...statuses) {
  const response = await fetch(path, { signal: AbortSignal.timeout(RESPONSE_TIMEOUT), cache: 'no-store', headers: { Accept: 'application/json' } });
  if (!response.ok && !statuses.includes(response.status)) throw new StatusError(response);
  return { body: await response.json(), date: Date.parse(response.headers.get('Date')) };
}

const sleep = (time) => new Promise((resolve) => { setTimeout(resolve, time); });

const visibilityChange = () => new Promise((resolve) => {
  document.addEventListener('visibilitychange', resolve, { once: true });
});

// poll repeats work while the tab is visible. It waits longer after failures and if the server is slow.
async function poll(every, work, failed) {
  for (let failures = 0; ;) {
    while (document.hidden) await visibilityChange();
    const begin = performance.now();
    try {
      await work();
      failures = 0;
    } catch (error) {
      failures++;
      failed?.(error);
    }
    const took = performance.now() - begin;
    await sleep(Math.max(every * Math.min(1 + failures, 5) - took, Math.min(4 * took, 10000), 100));
  }
}
