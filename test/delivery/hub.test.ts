import { expect, test } from 'vitest';

import type { Tap } from '../../src/delivery/feed.ts';
import { createHub } from '../../src/delivery/hub.ts';
import { Reader } from '../../src/delivery/reader.ts';
import { nextOf } from './next-of.ts';
import { LifelineError } from '../../src/errors.ts';
import { createMemoryLog } from '../../src/log/memory.ts';
import { createLogger } from '../../src/operations/logger.ts';
import { createMetrics } from '../../src/operations/metrics.ts';
import { coverageResult, createAppender } from '../support/entries.ts';

test('what every stream has taken is let go of by the sweep, and costs no look at the other streams before', async () => {
  const log = createMemoryLog();
  const append = await createAppender(log);
  const hub = createHub({ log, metrics: createMetrics(), logger: createLogger('silent'), sweepEveryMs: 20 });
  let scannedTo = 0;
  let looks = 0;
  const tap: Tap = {
    scannedTo: () => (looks++, scannedTo),
    wake: () => undefined,
    onPassing: () => undefined,
    onAcknowledged: () => undefined,
  };
  const membership = await hub.join('m-1', tap);
  const { feed } = membership;
  const reader = new Reader(
    { log, feed, member: 'm-1', after: null },
    { onRewound: () => expect.unreachable('nothing was lost'), onRefill: () => undefined },
  );
  expect(await nextOf(reader)).toBeUndefined();
  await append(coverageResult('m-1', 1), coverageResult('m-1', 2));
  const before = looks;
  expect(await nextOf(reader)).toMatchObject({ entry: { position: { sequence: 1 } } });
  expect(looks).toBe(before);
  await expect.poll(() => looks).toBeGreaterThan(before);
  expect(feed.recent).toHaveLength(2);
  scannedTo = 2;
  await expect.poll(() => feed.recent).toEqual([]);
  membership.leave(tap);
  hub.close();
  await log.close();
});

test('the sweep asks for every member, those of one part together', async () => {
  const log = createMemoryLog();
  const asked: (readonly string[])[] = [];
  const partOf = (member: string) => Number(member) % 10;
  const hub = createHub({
    log: {
      ...log,
      partOf,
      heads(members) {
        asked.push(members);
        return log.heads(members);
      },
    },
    metrics: createMetrics(),
    logger: createLogger('silent'),
    sweepEveryMs: 20,
  });
  const tap: Tap = { scannedTo: () => 0, wake: () => undefined, onPassing: () => undefined, onAcknowledged: () => undefined };
  const members = Array.from({ length: 1_200 }, (_, index) => String(index));
  await Promise.all(members.map((member) => hub.join(member, tap)));
  asked.length = 0;
  await expect.poll(() => new Set(asked.flat()).size).toBe(members.length);
  for (const some of asked) expect(new Set(some.map(partOf)).size).toBeLessThanOrEqual(Math.ceil(some.length / 120) + 1);
  hub.close();
  await log.close();
});

test('members whose server does not answer keep the sweep from nobody else', async () => {
  const log = createMemoryLog();
  const append = await createAppender(log);
  const hub = createHub({
    log: {
      ...log,
      partOf: (member) => (member === 'm-dead' ? 0 : 1),
      listen: async () => ({ close: () => undefined }), // no bell ever rings
      heads: async (members) =>
        members.includes('m-dead') ? Promise.reject(new LifelineError('UNAVAILABLE')) : log.heads(members),
    },
    metrics: createMetrics(),
    logger: createLogger('silent'),
    sweepEveryMs: 20,
  });
  const woken: string[] = [];
  const tap = (member: string): Tap => ({
    scannedTo: () => 0,
    wake: () => woken.push(member),
    onPassing: () => undefined,
    onAcknowledged: () => undefined,
  });
  await Promise.all(['m-dead', 'm-1', 'm-2'].map((member) => hub.join(member, tap(member))));
  await append(coverageResult('m-2', 1));
  await expect.poll(() => woken).toContain('m-2');
  expect(woken).not.toContain('m-dead');
  hub.close();
  await log.close();
});
