/** A line chart as SVG: sockets to the right (logarithmic), a figure upwards. Colours that can be read on white and on black. */

export interface Series {
  readonly name: string;
  readonly points: readonly { readonly x: number; readonly y: number }[];
  /** Drawn thicker: what the chart is about. */
  readonly strong?: boolean;
}

export interface Chart {
  readonly title: string;
  readonly x: string;
  readonly y: string;
  readonly series: readonly Series[];
  /** Logarithmic upwards too, where values are decades apart. */
  readonly logarithmic?: boolean;
}

const size = { width: 760, height: 400 };
const area = { left: 74, top: 46, right: 590, bottom: 346 };
/** Apart from each other also for most who see colours differently; contrast of 3:1 and more on white and on GitHub's black. */
const colours = ['#d1495b', '#2e86ab', '#b07d2b', '#4f9d69', '#8e6bbf', '#c2693a', '#7a8a99', '#3a9d9d'];

/** @throws RangeError when there is nothing to draw */
export function plot({ title, x, y, series, logarithmic = false }: Chart): string {
  const drawn = series.filter(({ points }) => points.length > 0);
  const all = drawn.flatMap(({ points }) => points);
  if (all.length === 0) throw new RangeError(`Nothing to draw for "${title}".`);

  const xs = [...new Set(all.map((point) => point.x))].toSorted((a, b) => a - b);
  const across = scale(Math.log10(Math.min(...xs)), Math.log10(Math.max(...xs)), area.left + 12, area.right - 12);
  const { ticks, up } = logarithmic ? decades(all.map((point) => point.y)) : steps(all.map((point) => point.y));
  const at = (point: { readonly x: number; readonly y: number }) => `${round(across(Math.log10(point.x)))},${round(up(point.y))}`;

  const grid = ticks.map(
    (tick) =>
      `<line class="grid" x1="${area.left}" x2="${area.right}" y1="${round(up(tick))}" y2="${round(up(tick))}"/>` +
      `<text x="${area.left - 8}" y="${round(up(tick) + 4)}" text-anchor="end">${number(tick)}</text>`,
  );
  const feet = xs.map(
    (value) => `<text x="${round(across(Math.log10(value)))}" y="${area.bottom + 20}" text-anchor="middle">${number(value)}</text>`,
  );
  const labels = apart(drawn.map((one) => up(one.points.toSorted((a, b) => a.x - b.x).at(-1)?.y ?? 0)));
  const lines = drawn.map((one, index) => {
    const colour = colours[index % colours.length] ?? '#888';
    const points = one.points.toSorted((a, b) => a.x - b.x);
    const width = one.strong === true ? 3.5 : 1.8;
    return [
      `<polyline fill="none" stroke="${colour}" stroke-width="${width}" points="${points.map(at).join(' ')}"/>`,
      ...points.map((point) => {
        const [cx = '', cy = ''] = at(point).split(',');
        return `<circle cx="${cx}" cy="${cy}" r="${width + 0.7}" fill="${colour}"/>`;
      }),
      `<text x="${area.right + 12}" y="${round((labels[index] ?? 0) + 4)}" style="fill:${colour}"${one.strong === true ? ' font-weight="bold"' : ''}>${escape(one.name)}</text>`,
    ].join('');
  });

  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size.width} ${size.height}" role="img" aria-label="${escape(title)}">`,
    '<style>text{font:13px system-ui,sans-serif;fill:#7d8590}.title{font-size:16px;font-weight:600}.grid{stroke:#7d8590;stroke-opacity:.25}</style>',
    `<text class="title" x="${area.left}" y="24">${escape(title)}</text>`,
    ...grid,
    ...feet,
    `<text x="${(area.left + area.right) / 2}" y="${area.bottom + 42}" text-anchor="middle">${escape(x)}</text>`,
    `<text x="18" y="${(area.top + area.bottom) / 2}" text-anchor="middle" transform="rotate(-90 18 ${(area.top + area.bottom) / 2})">${escape(y)}</text>`,
    ...lines,
    '</svg>',
    '',
  ].join('\n');
}

/** From zero to above the greatest in round steps. */
function steps(values: readonly number[]) {
  const most = Math.max(...values, Number.MIN_VALUE);
  const rough = most / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 2.5, 5, 10].find((factor) => factor * power >= rough) ?? 10) * power;
  const count = Math.ceil(most / step);
  const up = scale(0, count * step, area.bottom, area.top);
  return { ticks: Array.from({ length: count + 1 }, (_, index) => index * step), up };
}

/** Whole decades around the values. */
function decades(values: readonly number[]) {
  const positive = values.filter((value) => value > 0);
  const low = positive.length === 0 ? 0 : Math.floor(Math.log10(Math.min(...positive)));
  const high = positive.length === 0 ? 1 : Math.max(low + 1, Math.ceil(Math.log10(Math.max(...positive))));
  const logarithm = scale(low, high, area.bottom, area.top);
  return {
    ticks: Array.from({ length: high - low + 1 }, (_, index) => 10 ** (low + index)),
    up: (value: number) => logarithm(Math.log10(Math.max(value, 10 ** low))),
  };
}

function scale(from: number, to: number, start: number, end: number): (value: number) => number {
  return from === to ? () => (start + end) / 2 : (value) => start + ((value - from) / (to - from)) * (end - start);
}

/** Heights for labels near those wished for and a line apart, in the same order. */
function apart(wished: readonly number[]): number[] {
  const gap = 17;
  const placed: number[] = [];
  let above = Number.NEGATIVE_INFINITY;
  const order = wished.map((height, index) => ({ height, index })).toSorted((a, b) => a.height - b.height);
  for (const { height, index } of order) {
    above = Math.max(height, above + gap);
    placed[index] = above;
  }
  // Pushed out at the bottom: the whole block moves up.
  const over = Math.max(0, above - area.bottom);
  return placed.map((height) => height - over);
}

const round = (value: number) => Math.round(value * 10) / 10;
const number = (value: number) => String(Number(value.toPrecision(6))).replaceAll(/\B(?=(\d{3})+$)/g, ' ');
const escape = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
