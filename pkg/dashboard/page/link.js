// Whether what is shown is how things are. Two ways lead to the server, the polls for numbers and the stream of events;
// each is 'opening', 'ok', 'lost' (no connection) or 'ill' (an answer that says no).
const link = {
  polls: { how: 'opening', since: null },
  stream: { how: 'opening', since: null },
};

function reached(way) {
  link[way] = { how: 'ok', since: new Date() };
}

// missed keeps since when: the last time that all was well.
function missed(way, how) {
  const before = link[way];
  link[way] = { how, since: before.since ?? new Date(), missed: true };
  paint();
}

painters.push(() => {
  const { polls, stream } = link;
  let key = 'live';
  if (polls.how === 'lost' || polls.how === 'ill') key = polls.how;
  else if (polls.how === 'opening') key = 'opening';
  else if (stream.how === 'lost' || stream.how === 'ill') key = 'streamLost';
  const since = key === 'streamLost' ? stream.since : polls.since;
  byID('link').dataset.state = key;
  write(byID('link-text'), since ? say(key, clock(since)) : say(key));
  document.body.classList.toggle('stale', key === 'lost' || key === 'ill');
});

// Fault is an answer that is none of the wanted.
class Fault extends Error {
  constructor(response) {
    super(`status ${response.status}`);
    this.status = response.status;
  }
}

const ANSWER_TIME = 8000; // ms

// ask gets JSON; statuses may have more than 200.
async function ask(path, ...statuses) {
  const response = await fetch(path, { signal: AbortSignal.timeout(ANSWER_TIME), cache: 'no-store', headers: { Accept: 'application/json' } });
  if (!response.ok && !statuses.includes(response.status)) throw new Fault(response);
  return { body: await response.json(), date: Date.parse(response.headers.get('Date')) };
}

const delay = (time) => new Promise((resolve) => { setTimeout(resolve, time); });

const shown = () => (document.hidden ? new Promise((resolve) => {
  document.addEventListener('visibilitychange', resolve, { once: true });
}) : null);

// poll does some work again and again while the tab is shown. It takes longer breaks from a server that is slow or away.
async function poll(every, work, failed) {
  for (let failures = 0; ;) {
    while (document.hidden) await shown();
    const begin = performance.now();
    try {
      await work();
      failures = 0;
    } catch (error) {
      failures++;
      failed?.(error);
    }
    const took = performance.now() - begin;
    await delay(Math.max(every * Math.min(1 + failures, 5) - took, Math.min(4 * took, 10000), 100));
  }
}
