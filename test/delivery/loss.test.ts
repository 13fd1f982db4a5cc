import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';

import { createSession } from '../../src/auth/session.ts';
import type { Delivery, DeliveryService, Filter } from '../../src/delivery/delivery.ts';
import { createDelivery } from '../../src/delivery/service.ts';
import type { MemberEvent } from '../../src/event/event.ts';
import type { EventLog } from '../../src/log/log.ts';
import { createKeys } from '../../src/log/redis-keys.ts';
import { createRedisLog } from '../../src/log/redis.ts';
import { createLogger } from '../../src/operations/logger.ts';
import { createMetrics } from '../../src/operations/metrics.ts';
import { coverageResult, createAppender } from '../support/entries.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';

// What a failover to a replica that lagged does to people who are connected, or in the middle of a query.
const member = 'm-1';
const logger = createLogger('silent');
const all: Filter = () => true;
const principal = { member, expiresAt: Date.now() + 3_600_000, accounts: null };

let redis: TestRedis;
let prefix: string;
let log: EventLog;
let append: (...events: MemberEvent[]) => Promise<unknown>;
let service: DeliveryService;
let runs = 0;

beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());
beforeEach(async () => {
  prefix = `loss-${process.pid}-${Date.now()}-${runs++}`;
  const created = createRedisLog({ url: redis.url, prefix, hashTags: 1, logger });
  await created.ready;
  log = created;
  append = await createAppender(log);
  service = createDelivery({ log, metrics: createMetrics(), logger, sweepEveryMs: 50 });
});
afterEach(async () => {
  await service.close();
  await log.close();
});

const state = () => {
  const keys = createKeys(prefix, 1);
  return [keys.part(0), keys.due(0), keys.member(member)];
};
const copy = async (from: string, to: string) => {
  for (const key of state()) {
    await redis.command('DEL', `${key}${to}`);
    await redis.command('COPY', `${key}${from}`, `${key}${to}`);
  }
};
/** What the replica has by now. */
const replicate = () => copy('', ':replica');
/** The replica becomes the primary. */
async function failOver() {
  await copy(':replica', '');
  await redis.command('HSET', state()[0] ?? '', 'r', 'run-id-of-before');
}

const events = (...numbers: number[]) => numbers.map((n) => coverageResult(member, n));
const subscribe = () =>
  service.subscribe({
    session: createSession(principal),
    filter: all,
    after: null,
    transport: 'websocket',
    stillAllowed: () => 'allow',
  });
const take = async (stream: AsyncIterator<Delivery>, count: number) => {
  const taken: Delivery[] = [];
  while (taken.length < count) taken.push((await stream.next()).value);
  return taken.map(({ sequence, replayed, event }) => ({ sequence, replayed, id: event.id }));
};

test('an acknowledgement that the failover lost: the event comes again to who stayed connected, and nothing else does', async () => {
  const stream = subscribe();
  await append(...events(1, 2, 3));
  await take(stream, 3);
  await replicate();
  const [, second] = events(1, 2, 3);
  await service.acknowledge(principal, [second?.id ?? '']);
  const next = take(stream, 1);
  await failOver();
  expect(await next).toEqual([{ sequence: 2, replayed: true, id: second?.id }]);
  const live = take(stream, 1);
  await append(...events(4));
  expect(await live).toMatchObject([{ sequence: 4, replayed: false }]);
  await stream.return?.();
});

test('another primary that lost nothing costs who is connected no repeat', async () => {
  const stream = subscribe();
  await append(...events(1, 2, 3));
  await take(stream, 3);
  await service.acknowledge(principal, [events(1)[0]?.id ?? '']);
  await replicate();
  await failOver();
  const live = take(stream, 1);
  await expect.poll(async () => (await log.heads([member]))[0]?.generation).toBe(2);
  await append(...events(4));
  expect(await live).toMatchObject([{ sequence: 4, replayed: false }]);
  await stream.return?.();
});

test('events that take the sequences of lost ones reach who is connected, flagged where they were there before', async () => {
  const stream = subscribe();
  await append(...events(1, 2));
  await take(stream, 2);
  await replicate();
  await append(...events(3, 4));
  await take(stream, 2);
  const next = take(stream, 4);
  await failOver();
  const writer = log.source('other', 0);
  await writer.begin(0);
  await writer.append(
    2,
    events(5, 6).map((event, offset) => ({ offset, event, refed: false })),
  );
  const ids = events(1, 2, 5, 6).map(({ id }) => id);
  const got = await next;
  expect(got.map(({ id }) => id)).toEqual(ids);
  expect(got.slice(0, 2).every(({ replayed }) => replayed)).toBe(true);
  await stream.return?.();
});

test('a failover between two reads of one query: the page is of the log as it is after it', async () => {
  await append(...events(1, 2));
  await replicate();
  await append(...events(3, 4, 5, 6));
  let reads = 0;
  const failing: EventLog = {
    ...log,
    async read(...asked) {
      if (++reads === 2) {
        await failOver();
        const writer = log.source('other', 0);
        await writer.begin(0);
        await writer.append(
          2,
          events(7, 8).map((event, offset) => ({ offset, event, refed: false })),
        );
      }
      return log.read(...asked);
    },
  };
  const polling = createDelivery({ log: failing, metrics: createMetrics(), logger });
  const unwanted = new Set(events(1, 5).map(({ id }) => id));
  const page = await polling.page({ principal, filter: ({ id }) => !unwanted.has(id), after: null, first: 4 });
  expect(page.deliveries.map(({ event }) => event.id)).toEqual(events(2, 7, 8).map(({ id }) => id));
  expect(page).toMatchObject({ hasNext: false, end: { sequence: 4 } });
  await polling.close();
});

test('a log emptied between two reads of one query: RESYNC_REQUIRED, not a page with a hole', async () => {
  await append(...events(1, 2, 3, 4, 5, 6));
  let reads = 0;
  const emptied: EventLog = {
    ...log,
    async read(...asked) {
      if (++reads === 2) await redis.command('DEL', ...state());
      return log.read(...asked);
    },
  };
  const polling = createDelivery({ log: emptied, metrics: createMetrics(), logger });
  const odd = new Set(events(1, 3, 5).map(({ id }) => id));
  await expect(polling.page({ principal, filter: ({ id }) => !odd.has(id), after: null, first: 3 })).rejects.toMatchObject({
    code: 'RESYNC_REQUIRED',
  });
  await polling.close();
});
