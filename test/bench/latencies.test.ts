import { expect, test } from 'vitest';

import { latenciesOf, percentile } from '../../bench/runner/latencies.ts';

test('a latency is from when an event began to when it ended, whatever the order of the lines', () => {
  expect(latenciesOf('100 110\n200 205\n', '200 225\n100 113\n')).toEqual([3, 20]);
});

test('an event that did not arrive has no latency, and one that arrived before it was acknowledged took no time', () => {
  expect(latenciesOf('100 110\n200 205\n', '100 108\n')).toEqual([0]);
});

test('a copy that comes again does not count', () => {
  expect(latenciesOf('100 110\n', '100 113\n100 5113\n')).toEqual([3]);
});

test('a percentile is a value that was measured', () => {
  const values = Array.from({ length: 100 }, (_, index) => index + 1);
  expect(percentile(values, 0.5)).toBe(50);
  expect(percentile(values, 0.99)).toBe(99);
  expect(percentile(values, 1)).toBe(100);
  expect(percentile([7], 0.01)).toBe(7);
  expect(percentile([], 0.5)).toBe(0);
});
