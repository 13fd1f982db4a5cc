import { expect, test } from 'vitest';

import { createHealth } from '../../src/client/health.ts';

const tenMinutes = 600_000;
const failing = (times: number) => {
  const health = createHealth();
  health.reached(0);
  for (let time = 0; time < times; time++) health.failed('WEBSOCKET', 0);
  return health;
};

test('the first of what is advised is tried first', () => {
  const health = createHealth();
  expect(health.next(0)).toBe('WEBSOCKET');
  health.advise(['SSE', 'WEBSOCKET', 'POLLING']);
  expect(health.next(0)).toBe('SSE');
});

test('two failures are bad luck, three are this network: the transport is tried last for 10 minutes', () => {
  expect(failing(2).next(0)).toBe('WEBSOCKET');
  const health = failing(3);
  expect(health.next(0)).toBe('SSE');
  expect(health.next(tenMinutes - 1)).toBe('SSE');
  expect(health.next(tenMinutes)).toBe('WEBSOCKET');
});

test('while nothing gets through no transport is to blame; it is once plain requests do and it still fails', () => {
  const health = createHealth();
  health.reached(0);
  for (let time = 1; time < 9; time++) health.failed('WEBSOCKET', time);
  expect(health.next(9)).toBe('WEBSOCKET');
  health.reached(9);
  expect(health.next(9)).toBe('WEBSOCKET');
  health.failed('WEBSOCKET', 10);
  expect(health.next(10)).toBe('SSE');
});

test('once all of them fail they are tried in turns', () => {
  const health = failing(3);
  for (let time = 0; time < 3; time++) health.failed('SSE', 0);
  const tried = [];
  for (let time = 0; time < 4; time++) {
    const kind = health.next(0);
    tried.push(kind);
    if (kind !== null) health.failed(kind, 0);
  }
  expect(tried).toEqual(['WEBSOCKET', 'SSE', 'WEBSOCKET', 'SSE']);
});

test('what works is not last any more, and another network starts anew', () => {
  const health = failing(3);
  health.worked('WEBSOCKET');
  expect(health.next(0)).toBe('WEBSOCKET');
  const moved = failing(3);
  moved.forget();
  expect(moved.next(0)).toBe('WEBSOCKET');
});

test('what stands behind polling is worse than polling', () => {
  const health = createHealth();
  health.advise(['SSE', 'POLLING', 'WEBSOCKET']);
  health.reached(0);
  for (let time = 0; time < 3; time++) health.failed('SSE', 0);
  expect(health.next(0)).toBe('SSE');
  health.advise(['POLLING', 'WEBSOCKET']);
  expect(health.next(0)).toBeNull();
});
