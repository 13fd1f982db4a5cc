import { describe, expect, it } from 'vitest';

import { goals as all } from '../../bench/runner/goal-table.ts';
import { type Goal, judge } from '../../bench/runner/goals.ts';
import { count, p99, rate, ratio, ratioOfRatios, throughput, throughputFromOutside, value } from '../../bench/runner/measure.ts';
import type { Result } from '../../bench/workloads/workload.ts';

const ours = { workload: 'U', server: 'lifeline' };
const theirs = { workload: 'U', server: 'ws-send' };
const lines = (of: Pick<Result, 'workload' | 'server'>, figures: readonly Partial<Result>[]): Result[] =>
  figures.map((figure, index) => ({ ...of, round: index + 1, ...figure }));
const goal = (part: Partial<Goal>): Goal => ({
  row: '0',
  what: 'something',
  unit: '×',
  sense: 'at least',
  bound: 1,
  measure: () => ({ values: [] }),
  ...part,
});
const verdictOf = (part: Partial<Goal>, results: readonly Result[], looseness = 1) => judge([goal(part)], results, looseness)[0];

describe('goals', () => {
  it('hold the median of the rounds against the bound', () => {
    const results = [
      ...lines(ours, [{ rate: 90 }, { rate: 130 }, { rate: 120 }]),
      ...lines(theirs, [{ rate: 100 }, { rate: 100 }, { rate: 100 }]),
    ];
    const measure = ratio(ours, theirs, rate);
    expect(verdictOf({ bound: 1.2, measure }, results)).toMatchObject({
      verdict: 'PASS',
      spread: { median: 1.2, least: 0.9, most: 1.3, count: 3 },
    });
    expect(verdictOf({ bound: 1.21, measure }, results)?.verdict).toBe('FAIL');
    expect(verdictOf({ sense: 'at most', bound: 1.19, measure }, results)?.verdict).toBe('FAIL');
  });

  it('are loosened in the direction that is easier', () => {
    const measure = value(ours, p99);
    const results = lines(ours, [{ p99: 15 }]);
    expect(verdictOf({ sense: 'at most', bound: 10, measure }, results, 1)).toMatchObject({ verdict: 'FAIL', bound: 10 });
    expect(verdictOf({ sense: 'at most', bound: 10, measure }, results, 2)).toMatchObject({ verdict: 'PASS', bound: 20 });
    expect(verdictOf({ sense: 'at least', bound: 20, measure }, results, 2)).toMatchObject({ verdict: 'PASS', bound: 10 });
  });

  it('of what must never happen count the worst round, loosened or not', () => {
    const measure = count(ours, (result) => result.repeated);
    const part = { sense: 'at most', bound: 0, measure } as const;
    expect(verdictOf(part, lines(ours, [{ repeated: 0 }, { repeated: 0 }, { repeated: 1 }]), 2)?.verdict).toBe('FAIL');
    expect(verdictOf(part, lines(ours, [{ repeated: 0 }]))?.verdict).toBe('PASS');
  });

  it('are not measured where there are no lines, or none that can be believed', () => {
    const measure = ratio(ours, theirs, rate);
    expect(verdictOf({ measure }, [])?.verdict).toBe('not measured');
    const broken = [...lines(ours, [{ rate: 5, lost: 1 }]), ...lines(theirs, [{ rate: 1 }])];
    expect(verdictOf({ measure }, broken)).toMatchObject({ verdict: 'not measured', remark: 'rounds left out: lost events' });
  });

  it('compare by CPU an event where the client was too busy to tell the rate', () => {
    const results = [
      ...lines(ours, [{ rate: 80, cpuPerEvent: 10, clientCpu: 0.4 }]),
      ...lines(theirs, [{ rate: 200, cpuPerEvent: 2.5, clientCpu: 0.97 }]),
    ];
    expect(throughput(ours, theirs)(results)).toEqual({ values: [0.25], remark: 'by CPU an event: the load client was busy' });
    const idleClient = results.map((result) => ({ ...result, clientCpu: 0.1 }));
    expect(throughput(ours, theirs)(idleClient)).toEqual({ values: [0.4] });
  });

  it('compare by CPU an event where a server waited for events from outside, and only there', () => {
    const results = [...lines(ours, [{ rate: 10_000, cpuPerEvent: 50 }]), ...lines(theirs, [{ rate: 40_000, cpuPerEvent: 24 }])];
    expect(throughput(ours, theirs)(results).values).toEqual([0.25]);
    expect(throughputFromOutside(ours, theirs)(results)).toEqual({ values: [0.48], remark: 'by CPU an event: a server was not' });
    const [, bare] = results;
    const bothBusy = [...lines(ours, [{ rate: 20_000, cpuPerEvent: 45 }]), ...(bare === undefined ? [] : [bare])];
    expect(throughputFromOutside(ours, theirs)(bothBusy)).toEqual({ values: [0.5] });
  });

  it('take growth as ratio of ratios', () => {
    const at = (server: string, sockets: number, rates: readonly number[]): Result[] =>
      rates.map((rate, index) => ({ workload: 'G', server, sockets, round: index + 1, rate }));
    const results = [...at('a', 10, [2, 2]), ...at('a', 1, [1, 1]), ...at('b', 10, [4, 8]), ...at('b', 1, [1, 2])];
    const of = (server: string) => ratio({ workload: 'G', server, sockets: 10 }, { workload: 'G', server, sockets: 1 }, rate);
    expect(ratioOfRatios(of('b'), of('a'))(results)).toEqual({ values: [2, 2] });
  });

  it('are all of 23 rows, each with a bound', () => {
    const rows = new Set(all.map(({ row }) => row));
    expect([...rows].filter((row) => row !== 'G').map(Number)).toEqual(
      expect.arrayContaining(Array.from({ length: 23 }, (_, index) => index + 1)),
    );
    for (const { bound } of all) expect(bound).toBeGreaterThanOrEqual(0);
    expect(judge(all, [], 1).every(({ verdict }) => verdict === 'not measured')).toBe(true);
    expect(new Set(all.map(({ row, what }) => `${row} ${what}`)).size).toBe(all.length);
  });
});
