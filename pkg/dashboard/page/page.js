// What all parts of the page share: elements, the reader's switches, and what is shown.
const byID = (id) => document.getElementById(id);

// make is the only way in which elements come about: whatever it is given becomes text.
function make(tag, attributes = {}, ...children) {
  const svg = ['svg', 'path', 'line', 'text'].includes(tag);
  const element = svg ? document.createElementNS('http://www.w3.org/2000/svg', tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

// write changes a text only where it differs: a selection stays, and nothing is announced anew.
function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

const state = {
  topic: new URLSearchParams(location.search).get('topic'), // the only one shown; null for all
  totals: null, // the last answer of /stats
  topics: null, // the last answer of /stats/topics
  version: null, // the server's
};

const painters = []; // draw what depends on state and language
const filterChanged = []; // are told of another state.topic

function paint() {
  for (const painter of painters) painter();
}

function choose(topic) {
  if (topic === state.topic) return;
  state.topic = topic;
  const address = new URL(location.href);
  topic === null ? address.searchParams.delete('topic') : address.searchParams.set('topic', topic);
  history.replaceState(null, '', address);
  for (const tell of filterChanged) tell();
  paint();
}

byID('filter-clear').addEventListener('click', () => {
  const row = rows.get(state.topic);
  choose(null);
  row?.querySelector('button').focus({ preventScroll: true }); // the button that had the focus is gone now
});

painters.push(() => {
  byID('filter').hidden = state.topic === null;
  write(byID('filter-topic'), state.topic ?? '');
});

// tell shows a message that stays until it is closed.
let told = null;
function tell(key) {
  told = key;
  paint();
}
byID('notice-close').addEventListener('click', () => tell(null));
painters.push(() => {
  byID('notice').hidden = told === null;
  write(byID('notice-text'), told === null ? '' : say(told));
});

function translate() {
  makeFormats();
  document.documentElement.lang = language;
  for (const element of document.querySelectorAll('[data-t]')) write(element, say(element.dataset.t));
  for (const element of document.querySelectorAll('[data-t-label]')) element.setAttribute('aria-label', say(element.dataset.tLabel));
  for (const element of document.querySelectorAll('[data-t-hint]')) element.setAttribute('placeholder', say(element.dataset.tHint));
  byID('language').lang = language === 'id' ? 'en' : 'id';
  write(byID('language'), say('other'));
}

byID('language').addEventListener('click', () => {
  language = language === 'id' ? 'en' : 'id';
  remember.set('language', language);
  translate();
  paint();
});

// The theme is the system's until the reader switches to the other one.
const systemDark = matchMedia('(prefers-color-scheme: dark)');
let theme = remember.get('theme');
const isDark = () => (theme ? theme === 'dark' : systemDark.matches);

byID('theme').addEventListener('click', () => {
  const other = isDark() ? 'light' : 'dark';
  theme = other === (systemDark.matches ? 'dark' : 'light') ? null : other;
  remember.set('theme', theme);
  paint();
});
systemDark.addEventListener('change', paint);
painters.push(() => {
  document.documentElement.dataset.theme = isDark() ? 'dark' : 'light';
  write(byID('theme'), say(isDark() ? 'light' : 'dark'));
});

// offerCopy makes a button copy what the function returns. Without a secure context there is no clipboard to write
// to; then the text is selected for the reader to copy.
function offerCopy(button, text, source) {
  let timer;
  button.addEventListener('click', async () => {
    let key = 'copied';
    try {
      await navigator.clipboard.writeText(text());
    } catch {
      getSelection().selectAllChildren(source);
      key = document.execCommand('copy') ? 'copied' : 'copyByHand';
    }
    button.textContent = say(key);
    clearTimeout(timer);
    timer = setTimeout(() => { button.textContent = say('copy'); }, 2000);
  });
}
