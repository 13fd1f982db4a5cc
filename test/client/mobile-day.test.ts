import { expect, test, vi } from 'vitest';

import type * as dedupe from '../../src/client/dedupe.ts';
import type * as position from '../../src/client/position.ts';
import { seed } from '../faults/harness/random.ts';
import { mobileDay } from './mobile-day.ts';

test('half an hour of a bad mobile day loses nothing, shows nothing twice, keeps the order, and is back to push within 5 s', async () => {
  const verdict = await mobileDay(seed);
  process.stdout.write(`${JSON.stringify(verdict)}\n`); // the table of the day, with the seed that repeats it
  expect(verdict).toMatchObject({ lost: 0, shownTwice: 0, outOfOrder: 0, unacknowledged: 0, needless: 0 });
  expect(verdict.backToPushMs.worst.ms).toBeLessThanOrEqual(5_000);
  // One stream asks at most every 2 s, and once more whenever the phone comes back; tries to connect end where the schedule ends.
  const { PollMemberEvents: polls = 0, PushMemberEvents: tries = 0 } = verdict.busiestMinute;
  expect(polls).toBeLessThanOrEqual(30 + 6);
  expect(tries).toBeLessThanOrEqual(60);
});

/** The library with one of its modules changed. */
async function broken(module: string, change: (real: never) => object) {
  vi.resetModules();
  vi.doMock(module, async (original) => {
    const real = await original();
    return { ...(real as object), ...change(real as never) }; // whatever the module exports
  });
  try {
    return (await import('../../src/client/index.ts')).createClient;
  } finally {
    vi.doUnmock(module);
    vi.resetModules();
  }
}

test('the same day is failed by a library that does not know what it has shown', async () => {
  const library = await broken('../../src/client/dedupe.ts', ({ createHandled }: typeof dedupe) => ({
    createHandled: () => ({ ...createHandled(), has: () => false }),
  }));
  expect((await mobileDay(seed, { library, forMs: 600_000 })).shownTwice).toBeGreaterThan(0);
});

test('the same day is failed by a library that sends its first cursor again', async () => {
  const library = await broken('../../src/client/position.ts', ({ createPosition }: typeof position) => ({
    createPosition(start: string | null) {
      const real = createPosition(start);
      let first: string | null = null;
      return {
        ...real,
        get cursor() {
          return (first ??= real.cursor);
        },
        get sequence() {
          return real.sequence;
        },
      };
    },
  }));
  expect((await mobileDay(seed, { library, forMs: 600_000 })).needless).toBeGreaterThan(0);
});
