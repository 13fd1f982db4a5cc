import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { createWheel, redeliveryDelay } from '../../src/delivery/redelivery.ts';

test('the wait for an acknowledgement is 5, 10, 20, 30, 30 … s, spread by a fifth either way', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1_000 }),
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      (attempt, random) => {
        const middle = [5_000, 10_000, 20_000, 30_000][Math.min(attempt, 4) - 1] ?? 0;
        const delay = redeliveryDelay(attempt, random);
        expect(delay).toBeGreaterThanOrEqual(middle * 0.8);
        expect(delay).toBeLessThanOrEqual(middle * 1.2);
      },
    ),
  );
});

describe('the wheel', () => {
  beforeEach(() => vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] }));
  afterEach(() => vi.useRealTimers());

  test('is never early, at most two slots late, and holds no timer while nothing is scheduled', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 40_000 }), { minLength: 1, maxLength: 30 }), fc.nat(250), (delays, offset) => {
        vi.advanceTimersByTime(offset);
        const wheel = createWheel();
        const began = performance.now();
        const fired: { delay: number; after: number }[] = [];
        for (const delay of delays)
          wheel.schedule(delay, { onTime: () => fired.push({ delay, after: performance.now() - began }) });
        vi.advanceTimersByTime(41_000);
        expect(fired).toHaveLength(delays.length);
        for (const { delay, after } of fired) {
          expect(after).toBeGreaterThanOrEqual(delay);
          expect(after - delay).toBeLessThanOrEqual(201);
        }
        expect(vi.getTimerCount()).toBe(0);
      }),
    );
  });

  test('forgets what is cancelled', () => {
    const wheel = createWheel();
    const due = vi.fn<() => void>();
    wheel.schedule(100, { onTime: due }).cancel();
    const kept = vi.fn<() => void>();
    wheel.schedule(100, { onTime: kept });
    vi.advanceTimersByTime(1_000);
    expect(due).not.toHaveBeenCalled();
    expect(kept).toHaveBeenCalledOnce();
  });
});
