'use strict';
// Searches all guides in the browser. The index is fetched when the field is first used.
(() => {
  const field = document.getElementById('search');
  const found = document.getElementById('found');
  const text = document.getElementById('text');
  const root = field.dataset.root;
  let index;

  const load = () => index ??= fetch(root + 'guides/index.json').then((response) => response.json());

  const element = (name, content) => {
    const made = document.createElement(name);
    made.textContent = content;
    return made;
  };

  // excerpt returns the text around the first word.
  const excerpt = (entry, word) => {
    const at = Math.max(0, entry.text.toLowerCase().indexOf(word) - 60);
    return (at > 0 ? '…' : '') + entry.text.slice(at, at + 180) + '…';
  };

  const show = async () => {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    found.hidden = words.length === 0;
    text.hidden = words.length > 0;
    if (words.length === 0) return;
    const entries = await load();
    const hits = [];
    for (const entry of entries) {
      const heading = (entry.guide + ' ' + entry.heading).toLowerCase();
      const all = heading + ' ' + entry.text.toLowerCase();
      if (words.every((word) => all.includes(word))) {
        hits.push({ entry, rank: words.filter((word) => heading.includes(word)).length });
      }
    }
    hits.sort((a, b) => b.rank - a.rank);
    const list = document.createElement('ul');
    for (const { entry } of hits.slice(0, 50)) {
      const link = element('a', entry.heading === entry.guide ? entry.guide : entry.guide + ': ' + entry.heading);
      link.href = root + entry.url;
      link.addEventListener('click', () => { field.value = ''; show(); });
      const item = document.createElement('li');
      item.append(link, element('p', excerpt(entry, words[0])));
      list.append(item);
    }
    found.replaceChildren(element('h1', hits.length === 1 ? '1 section found' : hits.length + ' sections found'), list);
  };

  field.hidden = false;
  field.addEventListener('input', show);
  field.value = new URLSearchParams(location.search).get('q') ?? '';
  show();
  // On a phone the list of guides would fill the first screen.
  if (matchMedia('(max-width: 60rem)').matches) {
    document.querySelector('.guides details').open = false;
    document.querySelector('.contents')?.removeAttribute('open');
  }
})();
