// The chart of events per second: means of five seconds, unique ones below, duplicates on top of them.
const STEP = 5000; // ms
const BREAK = 12000; // ms without a sample, of which the chart then shows nothing
const HEIGHT = 190;
const EDGE = { top: 12, bottom: 22 };

let pointed = null; // the time that the reader points at

// totalsAt returns the totals at ascending times, null where samples lie too far apart to know.
function totalsAt(samples, times) {
  const gap = Math.max(BREAK, 4 * (samples.length > 9 ? (samples.at(-1).t - samples.at(-9).t) / 8 : 0));
  let i = 0;
  return times.map((t) => {
    while (i + 1 < samples.length && samples[i + 1].t < t) i++;
    const [a, b] = [samples[i], samples[i + 1]];
    if (b && t < a.t && t > a.t - STEP) return a; // the first step is not a whole one
    if (!b || t < a.t || t > b.t || b.t - a.t > gap) return null;
    const part = (t - a.t) / (b.t - a.t);
    return { unique: a.unique + part * (b.unique - a.unique), duplicates: a.duplicates + part * (b.duplicates - a.duplicates) };
  });
}

// means returns the rates of the steps up to now, oldest first; unique is null where nobody knows.
function means(samples, now) {
  const end = Math.floor(now / STEP) * STEP;
  const times = [];
  for (let t = end - SPAN; t <= end; t += STEP) times.push(t);
  const totals = totalsAt(samples, times);
  return times.slice(1).map((t, i) => {
    const [from, to] = [totals[i], totals[i + 1]];
    const known = from && to;
    return {
      t: t - STEP / 2,
      unique: known ? (to.unique - from.unique) * 1000 / STEP : null,
      duplicates: known ? (to.duplicates - from.duplicates) * 1000 / STEP : null,
    };
  });
}

// roundUp returns the next round number, at least 1.
function roundUp(value) {
  const ten = 10 ** Math.floor(Math.log10(Math.max(value, 1)));
  return ten * [1, 1.5, 2, 3, 4, 5, 6, 8, 10].find((n) => n * ten >= Math.max(value, 1));
}

// area returns the path between two lines over each run of known points.
function area(points, x, low, high) {
  const runs = [];
  for (const point of points) {
    if (point.unique === null) runs.push([]);
    else if (runs.length === 0) runs.push([point]);
    else runs.at(-1).push(point);
  }
  const corner = (y) => (point) => `${x(point.t).toFixed(1)},${y(point).toFixed(1)}`;
  return runs.filter((run) => run.length > 1).map((run) => `M${run.map(corner(high)).join('L')}L${run.toReversed().map(corner(low)).join('L')}Z`).join('');
}

let drawn = [];
let left = 0; // where the times begin, in pixels

painters.push(() => {
  const box = byID('chart');
  const width = box.clientWidth;
  if (width === 0) return;
  const { samples } = currentHistory();
  const now = samples.at(-1)?.t ?? Date.now();
  drawn = means(samples, now);
  const peak = Math.max(0, ...drawn.map((point) => point.unique + point.duplicates));
  const top = roundUp(peak);
  left = Math.max(...[top / 2, top].map((rate) => say('perSecond', formatRate(rate)).length)) * 7 + 8;
  const x = (t) => left + (t - now + SPAN) / SPAN * (width - left);
  const y = (rate) => EDGE.top + (1 - rate / top) * (HEIGHT - EDGE.top - EDGE.bottom);
  const svg = make('svg', { width, height: HEIGHT, 'aria-hidden': 'true' });
  for (const rate of [0, top / 2, top]) svg.append(make('line', { x1: left, x2: width, y1: y(rate), y2: y(rate), class: 'grid' }));
  svg.append(
    make('path', { class: 'unique', d: area(drawn, x, () => y(0), (p) => y(p.unique)) }),
    make('path', { class: 'duplicates', d: area(drawn, x, (p) => y(p.unique), (p) => y(p.unique + p.duplicates)) }),
  );
  for (const rate of [top / 2, top]) svg.append(make('text', { x: left - 8, y: y(rate) + 4, 'text-anchor': 'end' }, say('perSecond', formatRate(rate))));
  const minutes = width < 500 ? 5 : 3;
  for (let t = Math.ceil((now - SPAN) / (minutes * 60000)) * minutes * 60000; t < now; t += minutes * 60000) {
    if (x(t) > left + 20 && x(t) < width - 20) svg.append(make('text', { x: x(t), y: HEIGHT - 5, 'text-anchor': 'middle' }, clock(t, 'minute')));
  }
  const at = pointedPoint();
  if (at) svg.append(make('line', { x1: x(at.t), x2: x(at.t), y1: EDGE.top, y2: y(0), class: 'cursor' }));
  box.replaceChildren(svg);
  const rates = currentHistory().rates();
  box.setAttribute('aria-label', say('chart', formatRate(rates && rates.unique + rates.duplicates), formatRate(peak)));
  write(byID('readout'), at ? readout(at) : say('peak', formatRate(peak)));
  byID('chart-note').hidden = state.topic === null;
  write(byID('chart-note'), say('chartSince'));
});

const pointedPoint = () => (pointed === null ? null : drawn.find((point) => Math.abs(point.t - pointed) <= STEP / 2) ?? drawn.at(-1));

function readout(point) {
  if (point.unique === null) return say('noData', clock(point.t));
  return say('at', clock(point.t), formatRate(point.unique), formatRate(point.duplicates));
}

function pointAt(t) {
  pointed = t;
  paint();
}

byID('chart').addEventListener('pointermove', (event) => {
  const box = byID('chart').getBoundingClientRect();
  const now = currentHistory().samples.at(-1)?.t ?? Date.now();
  pointAt(now - SPAN + Math.max(0, event.clientX - box.left - left) / (box.width - left) * SPAN);
});
byID('chart').addEventListener('pointerleave', () => pointAt(null));
byID('chart').addEventListener('blur', () => pointAt(null));
byID('chart').addEventListener('keydown', (event) => {
  const steps = { ArrowLeft: -1, ArrowRight: 1, PageUp: -12, PageDown: 12, Home: -drawn.length, End: drawn.length }[event.key];
  if (event.key === 'Escape') pointAt(null);
  if (!steps || drawn.length === 0) return;
  event.preventDefault();
  const at = Math.max(0, drawn.indexOf(pointedPoint() ?? drawn.at(-1)));
  pointAt(drawn[Math.min(drawn.length - 1, Math.max(0, at + steps))].t);
});
new ResizeObserver(paint).observe(byID('rates'));
