// The session: a server with API keys shows its data only to a reader with a key. The key becomes a cookie that scripts can't
// read. Other tabs share it.
const session = {
  required: false, // whether the server has keys
  key: null, // ID of the key of this session, null without one
  scopes: [], // what the reader may do, with and without a key
  topics: null, // patterns of the topics of the key, null for all
  state: 'checking', // 'needed': the page shows a field for a key and no data; 'open': it shows data
  message: null, // key of the text above the field
};
const sessionChannel = new BroadcastChannel(`eventagg session ${location.pathname}`);
const waiters = []; // polls that wait for a change of the session

// may reports whether the page can request what needs a scope.
const may = (scope) => session.state === 'open' && (!session.required || session.scopes.includes(scope) || session.scopes.includes('admin'));

// loadSession gets the state from the server. A server without this path has no keys.
async function loadSession(message = null) {
  let found = { required: false };
  try {
    const response = await fetch('session', { signal: AbortSignal.timeout(RESPONSE_TIMEOUT), cache: 'no-store', headers: { Accept: 'application/json' } });
    if (response.ok && isType(response, 'application/json')) found = await response.json();
  } catch { /* the polls report that the server is unavailable */ }
  const scopes = found.scopes ?? [];
  Object.assign(session, { required: found.required, key: found.key ?? null, scopes, topics: found.topics ?? null, message });
  const open = !found.required || ['read', 'metrics', 'admin'].some((scope) => scopes.includes(scope));
  if (!open && found.key) session.message = 'keyLacksScopes';
  setSession(open ? 'open' : 'needed');
}

function setSession(status) {
  const before = session.state;
  session.state = status;
  if (status === 'needed' && before !== 'needed') {
    leave();
    forgetEvents();
    resetTotals();
  }
  for (const resume of waiters.splice(0)) resume();
  if (status === 'open' && before !== 'checking') follow();
  render();
}

const nextSession = () => new Promise((resolve) => { waiters.push(resolve); });

// sessionNeeded handles status 401: the session ended, or the server has keys since its last start.
let checking = false;
async function sessionNeeded() {
  if (session.state !== 'open' || checking) return;
  checking = true;
  await loadSession(session.key === null ? null : 'sessionEnded');
  if (session.state === 'open' && session.required && session.key === null) setSession('needed'); // some scopes need no key, but a request did
  checking = false;
}

async function logIn(key) {
  try {
    const response = await fetch('session', {
      method: 'POST', signal: AbortSignal.timeout(RESPONSE_TIMEOUT), headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ key }),
    });
    if (response.ok) {
      byID('key').value = '';
      await loadSession();
      if (session.key === null) session.message = 'cookieBlocked';
      sessionChannel.postMessage('changed');
    } else {
      session.message = { 401: 'wrongKey', 403: 'keyLacksScopes', 422: 'wrongKey', 429: 'tooManyKeys' }[response.status] ?? 'loginFailed';
    }
  } catch {
    session.message = 'loginFailed';
  }
  render();
  if (session.state === 'needed') byID('key').select();
}

byID('login-form').addEventListener('submit', async (event) => {
  event.preventDefault();
  const button = byID('login-button');
  button.disabled = true;
  await logIn(byID('key').value.trim());
  button.disabled = false;
});

byID('logout').addEventListener('click', async () => {
  try {
    const response = await fetch('session', { method: 'DELETE', signal: AbortSignal.timeout(RESPONSE_TIMEOUT) });
    if (!response.ok) throw new StatusError(response);
  } catch {
    showNotice('logoutFailed');
    return;
  }
  await loadSession('loggedOut');
  sessionChannel.postMessage('changed');
});

byID('login-show').addEventListener('click', () => setSession('needed'));
sessionChannel.addEventListener('message', () => loadSession());

renderers.push(() => {
  const needed = session.state === 'needed';
  byID('login').hidden = !needed;
  document.body.classList.toggle('signed-out', needed);
  setText(byID('login-message'), translate(session.message ?? 'keyNeeded'));
  byID('login-message').classList.toggle('bad', !['loggedOut', null].includes(session.message));
  byID('session').hidden = session.state !== 'open' || !session.required;
  byID('logout').hidden = session.key === null;
  byID('login-show').hidden = session.key !== null;
  setText(byID('session-key'), session.key === null ? '' : translate('keyInUse', session.key));
});
