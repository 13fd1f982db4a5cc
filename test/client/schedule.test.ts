import fc from 'fast-check';
import { expect, test } from 'vitest';

import { createRandom } from '../faults/harness/random.ts';
import { reconnectDelay, retryDelay, slower, slowestMs } from '../../src/client/schedule.ts';

test('an interval grows by a half each time and ends at 30 s', () => {
  const intervals = [2_000];
  while (intervals.length < 10) intervals.push(slower(intervals.at(-1) ?? 0));
  expect(intervals).toEqual([2_000, 3_000, 4_500, 6_750, 10_125, 15_187.5, 22_781.25, 30_000, 30_000, 30_000]);
});

test('reconnects are spread over the whole of a bound that lies between 1 s and 30 s', () => {
  fc.assert(
    fc.property(
      fc.record({
        awayMs: fc.integer({ min: -1_000_000, max: 100_000_000 }),
        attempt: fc.integer({ min: 1, max: 10_000 }),
        overloaded: fc.boolean(),
        random: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      }),
      (facts) => {
        expect(reconnectDelay({ ...facts, random: 0 })).toBe(0);
        const bound = reconnectDelay({ ...facts, random: 1 });
        expect(bound).toBeGreaterThanOrEqual(1_000);
        expect(bound).toBeLessThanOrEqual(slowestMs);
        expect(reconnectDelay(facts)).toBe(Math.round(facts.random * bound));
      },
    ),
  );
});

test.each([
  [1, 0, 1_000],
  [2, 500, 2_000],
  [3, 2_000, 4_000],
  [20, 8_000, 4_000],
  [20, 30_000, 5_000],
  [20, 60_000, 10_000],
  [20, 180_000, 30_000],
  [1, 3_600_000, 1_000],
  [20, 3_600_000, 30_000],
])('try %i after %i ms without push comes within %i ms', (attempt, awayMs, bound) => {
  expect(reconnectDelay({ awayMs, attempt, overloaded: false, random: 1 })).toBe(bound);
});

test.each([
  [1, 1_000],
  [2, 2_000],
  [3, 4_000],
  [4, 8_000],
  [5, 16_000],
  [6, 30_000],
  [50, 30_000],
])('a server that has too much to do is asked within doubling bounds: try %i, %i ms', (attempt, bound) => {
  expect(reconnectDelay({ awayMs: 0, attempt, overloaded: true, random: 1 })).toBe(bound);
});

test('a minute without a server costs some 25 tries, an hour some 180', () => {
  const tries = (forMs: number) => {
    const random = createRandom(1);
    let attempt = 0;
    for (let awayMs = 0; awayMs < forMs; awayMs += reconnectDelay({ awayMs, attempt, overloaded: false, random: random() }))
      attempt++;
    return attempt;
  };
  expect(tries(60_000)).toBeLessThanOrEqual(32);
  expect(tries(60_000)).toBeGreaterThanOrEqual(18);
  expect(tries(3_600_000)).toBeLessThanOrEqual(330);
});

test('what is repeated until it is answered never comes at once, and never later than 30 s', () => {
  expect(retryDelay(0, 0)).toBe(250);
  expect(retryDelay(0, 1)).toBe(1_250);
  expect(retryDelay(100, 1)).toBe(30_250);
});
