import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';

import { createSession } from '../../src/auth/session.ts';
import type { Delivery, DeliveryService, Filter } from '../../src/delivery/delivery.ts';
import { Feed } from '../../src/delivery/feed.ts';
import { Reader } from '../../src/delivery/reader.ts';
import { createDelivery } from '../../src/delivery/service.ts';
import type { MemberEvent } from '../../src/event/event.ts';
import type { EventLog, Position } from '../../src/log/log.ts';
import { createKeys } from '../../src/log/redis-keys.ts';
import { createRedisLog } from '../../src/log/redis.ts';
import { createLogger } from '../../src/operations/logger.ts';
import { createMetrics } from '../../src/operations/metrics.ts';
import { coverageResult, createAppender } from '../support/entries.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { nextOf } from './next-of.ts';

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

const state = (of = member) => {
  const keys = createKeys(prefix, 1);
  return [keys.part(0), keys.due(0), keys.member(of)];
};
/** All at once, as a loss is: whoever looks in between would find a log that never was. */
const copy = (of: string, from: string, to: string, runId = '') =>
  redis.command(
    'EVAL',
    `for _, key in ipairs(KEYS) do
       redis.call('DEL', key .. ARGV[2])
       redis.call('COPY', key .. ARGV[1], key .. ARGV[2])
     end
     if ARGV[3] ~= '' then redis.call('HSET', KEYS[1], 'r', ARGV[3]) end`,
    3,
    ...state(of),
    from,
    to,
    runId,
  );
/** What the replica has by now. */
const replicate = (of = member) => copy(of, '', ':replica');
/** The replica becomes the primary. */
const failOver = (of = member) => copy(of, ':replica', '', `run-id-of-before-${runs++}`);
/** From another partition than what was lost: nothing says that there is something to feed again. */
async function appendElsewhere(...some: MemberEvent[]) {
  const writer = log.source(`other-${runs++}`, 0);
  await writer.begin(0);
  await writer.append(
    some.length,
    some.map((event, offset) => ({ offset, event, refed: false })),
  );
}

const events = (...numbers: number[]) => numbers.map((n) => coverageResult(member, n));
const subscribe = (to = service, of = member, after: Position | null = null) =>
  to.subscribe({
    session: createSession({ ...principal, member: of }),
    filter: all,
    after,
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
  await appendElsewhere(...events(5, 6));
  const ids = events(1, 2, 5, 6).map(({ id }) => id);
  const got = await next;
  expect(got.map(({ id }) => id)).toEqual(ids);
  expect(got.slice(0, 2).every(({ replayed }) => replayed)).toBe(true);
  await stream.return?.();
});

test('what is appended while a stream reads again what a failover left is not taken for what the stream had before', async () => {
  const heard: string[] = [];
  let rewound = false;
  const held: EventLog = {
    ...log,
    listen: (of, onRing) =>
      log.listen(of, (ring) => {
        onRing(ring);
        if (ring.kind === 'entry') heard.push(ring.entry.event.id);
      }),
    async read(...asked) {
      const page = await log.read(...asked);
      // The page is on its way when the next event is appended, and heard before the page is.
      if (rewound) {
        rewound = false;
        const [fifth] = events(5);
        await appendElsewhere(...events(5));
        await expect.poll(() => heard).toContain(fifth?.id);
      }
      rewound = page.continuity === 'rewound';
      return page;
    },
  };
  const connected = createDelivery({ log: held, metrics: createMetrics(), logger, sweepEveryMs: 50 });
  const stream = subscribe(connected);
  await append(...events(1, 2));
  await take(stream, 2);
  await replicate();
  await append(...events(3, 4));
  await take(stream, 2);
  const next = take(stream, 3);
  await failOver();
  expect((await next).map(({ id }) => id)).toEqual(events(1, 2, 5).map(({ id }) => id));
  await connected.close();
});

/** `hold`: answers of the log wait until `let go`, and rings overtake them. */
type Step = 'append' | 'replicate' | 'fail over' | 'subscribe' | 'resume' | 'turn' | 'hold' | 'let go';
const step = fc.constantFrom<Step[]>(
  ...(['append', 'append', 'append', 'replicate', 'fail over', 'subscribe', 'resume', 'turn', 'hold', 'hold', 'let go'] as const),
);

/** An app: what it was handed, over one connection after the other. */
class Device {
  readonly taken = new Set<string>();
  readonly unflagged: string[] = [];
  #stream: AsyncIterator<Delivery> | undefined;
  #newest: Position | null = null;
  #taking: Promise<void> = Promise.resolve();

  connect(open: (after: Position | null) => AsyncIterator<Delivery>): void {
    const stream = open(this.#newest);
    this.#stream = stream;
    this.#taking = this.#take(stream);
  }

  async leave(): Promise<void> {
    await this.#stream?.return?.();
    await this.#taking;
  }

  async #take(stream: AsyncIterator<Delivery>): Promise<void> {
    for (let next = await stream.next(); next.done !== true; next = await stream.next()) {
      const { event, replayed, attempt, position } = next.value;
      if (this.taken.has(event.id) && !replayed && attempt === 1) this.unflagged.push(event.id);
      this.taken.add(event.id);
      this.#newest = position;
    }
  }
}

test('whatever failovers lose, and whenever: who stays connected has in the end what the log has, and knows repeats', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 30 }), fc.boolean(), async (steps, fedAgain) => {
      const one = `${member}-${runs++}`;
      let answers = Promise.withResolvers<void>();
      answers.resolve();
      const held: EventLog = {
        ...log,
        async read(...asked) {
          const page = await log.read(...asked);
          await answers.promise;
          return page;
        },
      };
      await log.source(one, 0).begin(0); // from here on there is a log to lose the end of
      await replicate(one);
      const connected = createDelivery({ log: held, metrics: createMetrics(), logger, sweepEveryMs: 20 });
      const devices: Device[] = [];
      const written: MemberEvent[] = [];
      const open = (after: Position | null) => subscribe(connected, one, after);
      const run: Record<Step, () => unknown> = {
        append() {
          written.push(coverageResult(one, runs++));
          // By a bridge that knows of no loss: what is there already is there once.
          return appendElsewhere(...(fedAgain ? written : written.slice(-1)));
        },
        replicate: () => replicate(one),
        'fail over': () => failOver(one),
        subscribe() {
          const device = new Device();
          devices.push(device);
          device.connect(open);
        },
        async resume() {
          if (fedAgain) return; // the newest cursor, of a log that is being fed again, does not tell how far the device once was
          await devices[0]?.leave();
          devices[0]?.connect(open);
        },
        turn: () => new Promise(setImmediate),
        hold() {
          answers.resolve();
          answers = Promise.withResolvers();
        },
        'let go': () => answers.resolve(),
      };
      run.subscribe();
      for (const each of steps) await run[each]();
      answers.resolve();
      const has = (await log.read(one, { after: null, limit: 1_000 })).entries.map(({ event }) => event.id);
      await expect
        .poll(() => devices.map(({ taken }) => has.filter((id) => !taken.has(id))), { timeout: 3_000, interval: 5 })
        .toEqual(devices.map(() => []));
      expect(devices.flatMap(({ unflagged }) => unflagged)).toEqual([]);
      await connected.close();
    }),
    { numRuns: 300 },
  );
});

/** Results with these numbers, up to the last one. */
const results = (from: number, to: number) => Array.from({ length: to - from }, (_, n) => coverageResult(member, from + n));
/** A subscription that hears no bells: what it takes, it has read. */
function readOnly() {
  const reader = new Reader(
    { log, feed: new Feed(), member, after: null },
    { onRewound: () => undefined, onRefill: () => undefined },
  );
  const taken: string[] = [];
  return {
    reader,
    taken,
    take: async (atMost: number) => {
      for (let count = 0; count < atMost; count++) {
        const next = await nextOf(reader);
        if (next === undefined) return;
        taken.push(next.entry.event.id);
      }
    },
  };
}

test.each([240, 250, 260])(
  'a log that lost its end between two pages of a replay, generation and all, and has %d entries again: everything comes',
  async (then) => {
    await append(...results(0, 80));
    await replicate();
    await append(...results(80, 250));
    const { reader, taken, take: takeSome } = readOnly();
    await takeSome(50);
    await copy(member, ':replica', ''); // by a server of the same name
    await appendElsewhere(...results(1_080, 1_000 + then));
    await takeSome(Number.POSITIVE_INFINITY);
    const { entries } = await log.read(member, { after: null, limit: 1_000 });
    expect(entries).toHaveLength(then);
    expect(entries.filter(({ event }) => !taken.includes(event.id))).toEqual([]);
    expect(reader.position).toEqual((await log.heads([member]))[0]);
  },
);

test('a failover between two pages of a replay: what was acknowledged elsewhere, since the subscription began, comes all the same', async () => {
  await append(...results(0, 250));
  const { taken, take: takeSome } = readOnly();
  await takeSome(50);
  const newer = results(250, 270);
  await append(...newer);
  const since = newer.map(({ id }) => id);
  await log.acknowledge(member, since, null);
  await replicate();
  await failOver();
  await takeSome(Number.POSITIVE_INFINITY);
  expect(since.filter((id) => !taken.includes(id))).toEqual([]);
  expect(taken.slice(-20)).toEqual(since);
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
        await appendElsewhere(...events(7, 8));
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
