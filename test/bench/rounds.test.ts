import { describe, expect, it } from 'vitest';

import { grouped, inTurn, invalidity, ratios, spread } from '../../bench/runner/rounds.ts';
import type { Result } from '../../bench/workloads/workload.ts';

const line = (round: number, rate: number, more: Partial<Result> = {}): Result => ({
  workload: 'U',
  server: 's',
  round,
  rate,
  ...more,
});
const rate = (result: Result) => result.rate;

describe('rounds', () => {
  it('lets everybody be first once, and everybody have one turn a round', () => {
    const rounds = [0, 1, 2].map((round) => inTurn(['a', 'b', 'c'], round));
    expect(rounds.map(([first]) => first)).toEqual(['a', 'b', 'c']);
    for (const round of rounds) expect(round.toSorted()).toEqual(['a', 'b', 'c']);
    expect(inTurn([], 5)).toEqual([]);
  });

  it('takes the middle of an even number of values between the two in the middle', () => {
    expect(spread([4, 1, 3, 2])).toEqual({ median: 2.5, least: 1, most: 4, count: 4 });
    expect(spread([7])).toEqual({ median: 7, least: 7, most: 7, count: 1 });
    expect(spread([])).toBeUndefined();
  });

  it('compares neighbours only: a slow minute slows both, and the ratio stays', () => {
    const ours = [line(1, 100), line(2, 10), line(3, 90)];
    const theirs = [line(3, 45), line(1, 50), line(2, 5)];
    expect(ratios(ours, theirs, rate)).toEqual([2, 2, 2]);
  });

  it('leaves out a round that one of the two lacks, or in which the other stood still', () => {
    expect(ratios([line(1, 100), line(2, 100)], [line(2, 50), line(3, 50)], rate)).toEqual([2]);
    expect(ratios([line(1, 100)], [line(1, 0)], rate)).toEqual([]);
    expect(ratios([line(1, 100)], [{ workload: 'U', server: 's', round: 1 }], rate)).toEqual([]);
  });

  it('does not believe a round with a lost event or a busy client', () => {
    expect(invalidity(line(1, 1))).toBeUndefined();
    expect(invalidity(line(1, 1, { lost: 0, clientCpu: 0.84 }))).toBeUndefined();
    expect(invalidity(line(1, 1, { lost: 1, clientCpu: 0.99 }))).toBe('lost events');
    expect(invalidity(line(1, 1, { clientCpu: 0.85 }))).toBe('client busy');
  });

  it('keeps lines together by key in the order in which they came', () => {
    const groups = grouped([line(2, 1), line(1, 2), line(2, 3)], ({ round }) => String(round));
    expect([...groups].map(([key, lines]) => [key, lines.map(rate)])).toEqual([
      ['2', [1, 3]],
      ['1', [2]],
    ]);
  });
});
