import { JSDOM } from 'jsdom';
import { describe, expect, it } from 'vitest';

import { plots } from '../../bench/runner/pictures.ts';
import { type Chart, plot } from '../../bench/runner/plot.ts';
import type { Result } from '../../bench/workloads/workload.ts';

const chart: Chart = {
  title: 'Events & "sockets" <here>',
  x: 'sockets',
  y: 'events/s',
  series: [
    { name: 'ours', strong: true, points: [100, 1_000, 10_000].map((x) => ({ x, y: x === 100 ? 90_000 : 60_000 })) },
    { name: 'theirs', points: [100, 1_000, 10_000].map((x) => ({ x, y: 60_000 })) },
  ],
};

/** Refuses what is not well-formed. */
function parse(svg: string): Document {
  const { document } = new JSDOM(svg, { contentType: 'image/svg+xml' }).window;
  return document;
}
const heights = (document: Document, selector: string, attribute: string) =>
  [...document.querySelectorAll(selector)].map((element) => Number(element.getAttribute(attribute)));

describe('a picture', () => {
  it('is well-formed whatever the names are, and has a line and a label for each series', () => {
    const document = parse(plot(chart));
    expect(document.documentElement.tagName).toBe('svg');
    expect(document.querySelectorAll('polyline')).toHaveLength(2);
    expect(document.querySelectorAll('circle')).toHaveLength(6);
    expect(document.documentElement.textContent).toContain('Events & "sockets" <here>');
  });

  it('puts more higher, decades of sockets equally far apart, and everything inside', () => {
    for (const logarithmic of [false, true]) {
      const document = parse(plot({ ...chart, logarithmic }));
      const [first = 0, second = 0] = heights(document, 'circle', 'cy');
      expect(first).toBeLessThan(second);
      const [a = 0, b = 0, c = 0] = heights(document, 'circle', 'cx');
      expect(b - a).toBeCloseTo(c - b, 0);
      for (const cy of heights(document, 'circle', 'cy')) expect(cy).toBeGreaterThanOrEqual(46);
      for (const cy of heights(document, 'circle', 'cy')) expect(cy).toBeLessThanOrEqual(346);
    }
  });

  it('keeps labels of lines that end at the same height a line apart', () => {
    const series = ['a', 'b', 'c', 'd'].map((name) => ({
      name,
      points: [
        { x: 1, y: 1 },
        { x: 10, y: 5 },
      ],
    }));
    const document = parse(plot({ ...chart, series }));
    const labels = [...document.querySelectorAll('text')]
      .filter((text) => /^[a-d]$/.test(text.textContent ?? ''))
      .map((text) => Number(text.getAttribute('y')))
      .toSorted((a, b) => a - b);
    expect(labels).toHaveLength(4);
    for (let index = 1; index < labels.length; index++)
      expect((labels[index] ?? 0) - (labels[index - 1] ?? 0)).toBeGreaterThanOrEqual(16);
  });

  it('of nothing is refused', () => {
    expect(() => plot({ ...chart, series: [{ name: 'empty', points: [] }] })).toThrow(RangeError);
  });

  it('is drawn from the medians of valid rounds, of servers with more than one number of sockets', () => {
    const line = (server: string, sockets: number, round: number, rate: number, lost = 0): Result => ({
      workload: 'U',
      server,
      sockets,
      round,
      rate,
      lost,
    });
    const drawn = plots([
      line('lifeline', 100, 1, 100),
      line('lifeline', 1_000, 1, 10),
      line('lifeline', 1_000, 2, 1_000_000, 1), // lost one: left out
      line('yoga', 1_000, 1, 50),
    ]);
    expect([...drawn.keys()]).toEqual(['bench-throughput.svg']);
    const document = parse(drawn.get('bench-throughput.svg') ?? '');
    expect(document.querySelectorAll('polyline')).toHaveLength(1);
    expect(document.documentElement.textContent).toContain('Lifeline');
    expect(document.documentElement.textContent).not.toContain('1 000 000');
  });

  it('is not drawn without sockets to compare', () => {
    expect(plots([{ workload: 'U', server: 'lifeline', round: 1, sockets: 100, rate: 1 }]).size).toBe(0);
  });
});
