// The chart of events per second: means over 5 seconds, stored events at the bottom and duplicates on top of them.
const STEP = 5000; // ms
const MAX_GAP = 12000; // ms without a sample; the chart leaves out longer gaps
const HEIGHT = 190;
const MARGIN = { top: 12, bottom: 22 };

let selectedTime = null; // time under the pointer, or selected by keys

// totalsAt interpolates the totals at ascending times. A total is null if its samples are too far apart.
function totalsAt(samples, times) {
  const gap = Math.max(MAX_GAP, 4 * (samples.length > 9 ? (samples.at(-1).t - samples.at(-9).t) / 8 : 0));
  let i = 0;
  return times.map((t) => {
    while (i + 1 < samples.length && samples[i + 1].t < t) i++;
    const [a, b] = [samples[i], samples[i + 1]];
    if (b && t < a.t && t > a.t - STEP) return a; // the first step may be incomplete
    if (!b || t < a.t || t > b.t || b.t - a.t > gap) return null;
    const part = (t - a.t) / (b.t - a.t);
    return { stored: a.stored + part * (b.stored - a.stored), duplicates: a.duplicates + part * (b.duplicates - a.duplicates) };
  });
}

// stepRates returns the rates of all steps until now, oldest first. stored is null if the rate is unknown.
function stepRates(samples, now) {
  const end = Math.floor(now / STEP) * STEP;
  const times = [];
  for (let t = end - CHART_SPAN; t <= end; t += STEP) times.push(t);
  const totals = totalsAt(samples, times);
  return times.slice(1).map((t, i) => {
    const [from, to] = [totals[i], totals[i + 1]];
    const known = from && to;
    return {
      t: t - STEP / 2,
      stored: known ? (to.stored - from.stored) * 1000 / STEP : null,
      duplicates: known ? (to.duplicates - from.duplicates) * 1000 / STEP : null,
    };
  });
}

// roundUp returns the next round number, at least 1.
function roundUp(value) {
  const ten = 10 ** Math.floor(Math.log10(Math.max(value, 1)));
  return ten * [1, 1.5, 2, 3, 4, 5, 6, 8, 10].find((n) => n * ten >= Math.max(value, 1));
}

// areaPath returns the path between two lines, interrupted at points with unknown rates.
function areaPath(points, x, low, high) {
  const runs = [];
  for (const point of points) {
    if (point.stored === null) runs.push([]);
    else if (runs.length === 0) runs.push([point]);
    else runs.at(-1).push(point);
  }
  const corner = (y) => (point) => `${x(point.t).toFixed(1)},${y(point).toFixed(1)}`;
  return runs.filter((run) => run.length > 1).map((run) => `M${run.map(corner(high)).join('L')}L${run.toReversed().map(corner(low)).join('L')}Z`).join('');
}

let points = []; // of the chart
let plotLeft = 0; // left edge of the plot in pixels

renderers.push(() => {
  const box = byID('chart');
  const width = box.clientWidth;
  if (width === 0) return;
  const { samples } = currentHistory();
  const end = samples.at(-1)?.t ?? now();
  points = stepRates(samples, end);
  const peak = Math.max(0, ...points.map((point) => point.stored + point.duplicates));
  const top = roundUp(peak);
  plotLeft = Math.max(...[top / 2, top].map((rate) => translate('perSecond', formatRate(rate)).length)) * 7 + 8;
  const x = (t) => plotLeft + (t - end + CHART_SPAN) / CHART_SPAN * (width - plotLeft);
  const y = (rate) => MARGIN.top + (1 - rate / top) * (HEIGHT - MARGIN.top - MARGIN.bottom);
  const svg = createNode('svg', { width, height: HEIGHT, 'aria-hidden': 'true' });
  for (const rate of [0, top / 2, top]) svg.append(createNode('line', { x1: plotLeft, x2: width, y1: y(rate), y2: y(rate), class: 'grid' }));
  svg.append(
    createNode('path', { class: 'stored', d: areaPath(points, x, () => y(0), (p) => y(p.stored)) }),
    createNode('path', { class: 'duplicates', d: areaPath(points, x, (p) => y(p.stored), (p) => y(p.stored + p.duplicates)) }),
  );
  for (const rate of [top / 2, top]) svg.append(createNode('text', { x: plotLeft - 8, y: y(rate) + 4, 'text-anchor': 'end' }, translate('perSecond', formatRate(rate))));
  const minutes = width < 500 ? 5 : 3;
  for (let t = Math.ceil((end - CHART_SPAN) / (minutes * 60000)) * minutes * 60000; t < end; t += minutes * 60000) {
    if (x(t) > plotLeft + 20 && x(t) < width - 20) svg.append(createNode('text', { x: x(t), y: HEIGHT - 5, 'text-anchor': 'middle' }, clock(t, 'minute')));
  }
  const selected = selectedPoint();
  if (selected) svg.append(createNode('line', { x1: x(selected.t), x2: x(selected.t), y1: MARGIN.top, y2: y(0), class: 'cursor' }));
  box.replaceChildren(svg);
  const rates = currentHistory().rates();
  describe(box, rates && rates.stored + rates.duplicates, peak, selected);
  setText(byID('readout'), selected ? readout(selected) : translate('peak', formatRate(peak)));
  byID('chart-note').hidden = state.topic === null;
  setText(byID('chart-note'), translate('chartSince'));
});

// describe names the chart for screen readers. The chart is a slider over its points: a screen reader reads the text of the
// point that a key selects. The text stays while no other point is selected, because each change is read aloud.
function describe(box, rate, peak, selected) {
  box.setAttribute('aria-label', translate('chart', formatRate(rate), formatRate(peak)));
  box.setAttribute('aria-valuemax', points.length);
  box.setAttribute('aria-valuenow', selected ? points.indexOf(selected) + 1 : points.length);
  const text = selected ? readout(selected) : translate('latest');
  if (box.getAttribute('aria-valuetext') !== text) box.setAttribute('aria-valuetext', text);
}

const selectedPoint = () => (selectedTime === null ? null : points.find((point) => Math.abs(point.t - selectedTime) <= STEP / 2) ?? points.at(-1));

function readout(point) {
  if (point.stored === null) return translate('noData', clock(point.t));
  return translate('at', clock(point.t), formatRate(point.stored), formatRate(point.duplicates));
}

function select(time) {
  selectedTime = time;
  render();
}

byID('chart').addEventListener('pointermove', (event) => {
  const box = byID('chart').getBoundingClientRect();
  const end = currentHistory().samples.at(-1)?.t ?? now();
  select(end - CHART_SPAN + Math.max(0, event.clientX - box.left - plotLeft) / (box.width - plotLeft) * CHART_SPAN);
});
byID('chart').addEventListener('pointerleave', () => select(null));
byID('chart').addEventListener('blur', () => select(null));
byID('chart').addEventListener('keydown', (event) => {
  const steps = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageUp: 12, PageDown: -12, Home: -points.length, End: points.length }[event.key];
  if (event.key === 'Escape') select(null);
  if (!steps || points.length === 0) return;
  event.preventDefault();
  const at = Math.max(0, points.indexOf(selectedPoint() ?? points.at(-1)));
  select(points[Math.min(points.length - 1, Math.max(0, at + steps))].t);
});
new ResizeObserver(render).observe(byID('rates'));
