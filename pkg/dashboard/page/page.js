// Shared parts of the page: elements, state, rendering, language and theme.
const byID = (id) => document.getElementById(id);

// createNode creates every element of the page. Its children are nodes or texts, never markup.
function createNode(tag, attributes = {}, ...children) {
  const svg = ['svg', 'path', 'line', 'text'].includes(tag);
  const element = svg ? document.createElementNS('http://www.w3.org/2000/svg', tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

// setText sets a text only if it differs. So a selection stays, and a screen reader does not repeat the text.
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// The server sends this page only for "/". If the URL ends with another character, a proxy added a path prefix, and
// relative references need the slash.
if (!location.pathname.endsWith('/')) history.replaceState(null, '', `${location.pathname}/${location.search}${location.hash}`);

const state = {
  topic: new URLSearchParams(location.search).get('topic'), // the selected topic, null for all
  totals: null, // last response of /stats
  totalsDenied: false, // the key may not read them
  topics: null, // last responses of /stats/topics
  version: null, // of the server
};

const renderers = []; // functions that show state in the current language
const topicListeners = []; // functions to call after state.topic changed

function render() {
  for (const renderer of renderers) renderer();
}

function selectTopic(topic) {
  if (topic === state.topic) return;
  state.topic = topic;
  const address = new URL(location.href);
  topic === null ? address.searchParams.delete('topic') : address.searchParams.set('topic', topic);
  history.replaceState(null, '', address);
  for (const listener of topicListeners) listener();
  render();
}

byID('filter-clear').addEventListener('click', () => {
  const row = rows.get(state.topic);
  selectTopic(null);
  row?.querySelector('button').focus({ preventScroll: true }); // the button that had the focus is hidden now
});

renderers.push(() => {
  byID('filter').hidden = state.topic === null;
  setText(byID('filter-topic'), escapeName(state.topic ?? ''));
});

// showNotice shows a text until the user closes it.
let notice = null; // key of the text
function showNotice(key) {
  notice = key;
  render();
}
byID('notice-close').addEventListener('click', () => showNotice(null));
renderers.push(() => {
  byID('notice').hidden = notice === null;
  setText(byID('notice-text'), notice === null ? '' : translate(notice));
});

function translatePage() {
  updateFormats();
  document.documentElement.lang = language;
  for (const element of document.querySelectorAll('[data-t]')) setText(element, translate(element.dataset.t));
  for (const element of document.querySelectorAll('[data-t-label]')) element.setAttribute('aria-label', translate(element.dataset.tLabel));
  for (const element of document.querySelectorAll('[data-t-hint]')) element.setAttribute('placeholder', translate(element.dataset.tHint));
  byID('language').lang = language === 'id' ? 'en' : 'id';
  setText(byID('language'), translate('other'));
}

byID('language').addEventListener('click', () => {
  language = language === 'id' ? 'en' : 'id';
  settings.set('language', language);
  translatePage();
  render();
});

// The theme follows the system until the user switches to the other one.
const systemDark = matchMedia('(prefers-color-scheme: dark)');
let theme = settings.get('theme');
const isDark = () => (theme ? theme === 'dark' : systemDark.matches);

byID('theme').addEventListener('click', () => {
  const other = isDark() ? 'light' : 'dark';
  theme = other === (systemDark.matches ? 'dark' : 'light') ? null : other;
  settings.set('theme', theme);
  render();
});
systemDark.addEventListener('change', render);
renderers.push(() => {
  document.documentElement.dataset.theme = isDark() ? 'dark' : 'light';
  setText(byID('theme'), translate(isDark() ? 'light' : 'dark'));
});

// enableCopy makes a button copy a text. Without a secure context the clipboard API is missing: then it selects the
// source element and uses the older command.
function enableCopy(button, text, source) {
  let timer;
  button.addEventListener('click', async () => {
    let key = 'copied';
    try {
      await navigator.clipboard.writeText(text());
    } catch {
      getSelection().selectAllChildren(source);
      key = document.execCommand('copy') ? 'copied' : 'copyByHand';
    }
    button.textContent = translate(key);
    clearTimeout(timer);
    timer = setTimeout(() => { button.textContent = translate('copy'); }, 2000);
  });
}
