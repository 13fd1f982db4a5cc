import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import type { Principal } from '../../src/auth/allow.ts';
import { createSession } from '../../src/auth/session.ts';
import type { Delivery, DeliveryService, Filter } from '../../src/delivery/delivery.ts';
import { createDelivery } from '../../src/delivery/service.ts';
import { LifelineError } from '../../src/errors.ts';
import type { MemberEvent } from '../../src/event/event.ts';
import type { EventLog, Position, Ring } from '../../src/log/log.ts';
import { createMemoryLog } from '../../src/log/memory.ts';
import { createLogger } from '../../src/operations/logger.ts';
import { createMetrics } from '../../src/operations/metrics.ts';
import { coverageProgress, coverageResult, createAppender } from '../support/entries.ts';
import { eventually } from '../support/eventually.ts';

const member = 'm-1';
const logger = createLogger('silent');
const everything: Filter = () => true;

let log: EventLog;
let append: (...events: MemberEvent[]) => Promise<unknown>;
const services: DeliveryService[] = [];

const start = (overrides: { log?: EventLog; sweepEveryMs?: number } = {}) => {
  const metrics = createMetrics();
  const service = createDelivery({ log, metrics, logger, random: () => 0.5, ...overrides });
  services.push(service);
  return { service, metrics };
};
const principal = (more: Partial<Principal> = {}): Principal => ({
  member,
  expiresAt: Date.now() + 3_600_000,
  accounts: null,
  ...more,
});
const session = (more: Partial<Principal> = {}) => createSession(principal(more));

const subscribe = (
  service: DeliveryService,
  more: { after?: Position | null; filter?: Filter; session?: ReturnType<typeof session> } = {},
) =>
  service.subscribe({
    session: session(),
    filter: everything,
    after: null,
    transport: 'websocket',
    stillAllowed: () => 'allow',
    ...more,
  });

const take = async (stream: AsyncIterator<Delivery>, count: number) => {
  const taken: Delivery[] = [];
  while (taken.length < count) {
    const next = await stream.next();
    if (next.done === true) break;
    taken.push(next.value);
  }
  return taken;
};
const sequences = (deliveries: readonly Delivery[]) => deliveries.map(({ sequence }) => sequence);
const events = (...numbers: number[]) => numbers.map((n) => coverageResult(member, n));
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index);
const ids = (deliveries: readonly Delivery[]) => deliveries.map(({ event }) => event.id);

beforeEach(async () => {
  log = createMemoryLog();
  append = await createAppender(log);
});
afterEach(async () => {
  vi.useRealTimers();
  for (const service of services.splice(0)) await service.close();
  await log.close();
});

describe('a subscription', () => {
  test('replays what is pending, oldest first, flagged, and goes on live, not flagged', async () => {
    await append(...events(1, 2, 3));
    await log.acknowledge(member, [coverageResult(member, 2).id], null);
    const { service } = start();
    const stream = subscribe(service);
    const replay = await take(stream, 2);
    expect(replay.map(({ sequence, replayed, attempt }) => ({ sequence, replayed, attempt }))).toEqual([
      { sequence: 1, replayed: true, attempt: 1 },
      { sequence: 3, replayed: true, attempt: 1 },
    ]);
    const live = stream.next();
    await append(...events(4));
    expect((await live).value).toMatchObject({ sequence: 4, replayed: false, attempt: 1, acknowledgedAt: null });
  });

  test('with a cursor gets everything behind it, acknowledged or not, and what is pending before it', async () => {
    await append(...events(1, 2, 3, 4));
    await log.acknowledge(member, [coverageResult(member, 2).id, coverageResult(member, 4).id], null);
    const { service } = start();
    const page = await service.page({ principal: principal(), filter: everything, after: null, first: 3 });
    const got = await take(subscribe(service, { after: page.end }), 3);
    expect(sequences(got)).toEqual([1, 3, 4]);
    expect(got[2]?.acknowledgedAt).toEqual(expect.any(Number));
  });

  test('reads a backlog of thousands page by page, in order, each once', async () => {
    await append(...events(...range(1, 2_000)));
    const { service } = start();
    const stream = subscribe(service);
    const got: Delivery[] = [];
    while (got.length < 2_000) {
      const [next] = await take(stream, 1);
      if (next === undefined) break;
      got.push(next);
      await service.acknowledge(principal(), [next.event.id]);
    }
    expect(sequences(got)).toEqual(range(1, 2_000));
  });

  test('of a log that is gone ends with RESYNC_REQUIRED, once', async () => {
    const { service, metrics } = start();
    const stream = subscribe(service, { after: { epoch: 'another', generation: 1, sequence: 3, chain: 'abcdef01' } });
    await expect(stream.next()).rejects.toMatchObject({ code: 'RESYNC_REQUIRED' });
    await expect(stream.next()).resolves.toEqual({ done: true, value: undefined });
    expect((await metrics.resyncs.get()).values[0]?.value).toBe(1);
  });

  test('shows only events of the accounts that the token names', async () => {
    await append(
      coverageResult(member, 1, { accountId: 'A2' }),
      coverageResult(member, 2, { accountId: 'A1' }),
      coverageResult(member, 3, { accountId: null }),
    );
    const { service } = start();
    expect(sequences(await take(subscribe(service, { session: session({ accounts: ['A1'] }) }), 2))).toEqual([2, 3]);
  });

  test('ended while it waits settles at once, and the last one of a member releases the listener', async () => {
    const { service, metrics } = start();
    const listeners = async () => (await metrics.listeners.get()).values[0]?.value;
    const [one, other] = [subscribe(service), subscribe(service)];
    const waiting = [one.next(), other.next()];
    await eventually(async () => (await listeners()) === 1, { what: 'one listener for two subscriptions' });
    await one.return?.();
    expect(await waiting[0]).toEqual({ done: true, value: undefined });
    expect(await listeners()).toBe(1);
    await other.return?.();
    expect(await waiting[1]).toEqual({ done: true, value: undefined });
    expect(await listeners()).toBe(0);
  });

  test('pauses at 32 un-acknowledged events, lets passing ones through, and goes on with the first acknowledgement', async () => {
    await append(...events(...range(1, 40)));
    const { service, metrics } = start();
    const stream = subscribe(service);
    const got = await take(stream, 32);
    const next = stream.next();
    await append(coverageProgress(member, 99, 40));
    expect((await next).value).toMatchObject({ sequence: null, event: { type: 'rte.progress' } });
    expect((await metrics.windowFull.get()).values[0]?.value).toBe(1);
    const afterAck = stream.next();
    await service.acknowledge(principal(), ids(got).slice(5, 6));
    expect((await afterAck).value).toMatchObject({ sequence: 33 });
  });

  test('that is slow gets the latest passing event of a channel, after what is critical', async () => {
    const { service, metrics } = start();
    const stream = subscribe(service);
    const first = stream.next();
    await eventually(async () => (await metrics.listeners.get()).values[0]?.value === 1);
    await append(...events(1));
    await first;
    await append(coverageProgress(member, 7, 10), coverageProgress(member, 7, 20), ...events(2), coverageProgress(member, 7, 30));
    const got = await take(stream, 2);
    expect(got[0]).toMatchObject({ sequence: 2 });
    expect(got[1]).toMatchObject({ sequence: null, event: { data: { percent: 30 } } });
    expect((await metrics.eventsDropped.get()).values).toMatchObject([{ value: 2, labels: { reason: 'superseded' } }]);
  });
});

describe('a copy without an acknowledgement', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date', 'performance'] });
  });

  /** A step at a time, so that what a timer set off can happen before the next. */
  const pass = async (ms: number) => {
    for (let passed = 0; passed < ms; passed += 50) await vi.advanceTimersByTimeAsync(50);
  };

  test('comes again after 5, 10, 20, 30, 30 … s under the same id, numbered and flagged', async () => {
    await append(...events(1));
    const { service } = start();
    const stream = subscribe(service);
    const copies: { at: number; delivery: Delivery }[] = [];
    const began = Date.now();
    void (async () => {
      for await (const delivery of stream) copies.push({ at: Date.now() - began, delivery });
    })();
    await pass(97_000);
    expect(copies.map(({ delivery }) => delivery.attempt)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(copies.map(({ at }) => Math.round(at / 1_000))).toEqual([0, 5, 15, 35, 65, 96]);
    expect(new Set(copies.map(({ delivery }) => delivery.event.id)).size).toBe(1);
    expect(copies.slice(1).every(({ delivery }) => delivery.replayed)).toBe(true);
  });

  test('has its clock started only by the socket taking it', async () => {
    await append(...events(1));
    const { service } = start();
    const stream = subscribe(service);
    await stream.next();
    await pass(60_000); // the socket is still busy with the frame
    const second = stream.next();
    let settled = false;
    void second.then(() => (settled = true));
    await pass(4_000);
    expect(settled).toBe(false);
    await pass(2_000);
    expect((await second).value).toMatchObject({ attempt: 2 });
  });

  test('stops when another node acknowledges, whether its bell is heard or lost', async () => {
    await append(...events(1));
    const deaf: EventLog = { ...log, listen: async () => ({ close: () => undefined }) };
    const [here, there, deafOne] = [start(), start(), start({ log: deaf })];
    const copies: Delivery[] = [];
    for (const { service } of [here, deafOne]) {
      void (async () => {
        for await (const delivery of subscribe(service)) copies.push(delivery);
      })();
    }
    await pass(1_000);
    expect(copies).toHaveLength(2);
    await there.service.acknowledge(principal(), ids(copies));
    await pass(120_000);
    expect(copies).toHaveLength(2);
  });
});

describe('a token', () => {
  test('that expires stops the push; a refresh goes on without a gap; without one the stream ends UNAUTHENTICATED', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date', 'performance'] });
    const own = session({ expiresAt: Date.now() + 10_000 });
    const { service } = start();
    const stream = subscribe(service, { session: own });
    await append(...events(1));
    expect((await stream.next()).value).toMatchObject({ sequence: 1 });
    let settled = false;
    const next = stream.next().finally(() => (settled = true));
    await service.acknowledge(principal(), [coverageResult(member, 1).id]);
    await vi.advanceTimersByTimeAsync(10_001);
    await append(...events(2));
    await vi.advanceTimersByTimeAsync(5_000);
    expect(settled).toBe(false);
    own.refresh(principal({ expiresAt: Date.now() + 10_000 }));
    expect((await next).value).toMatchObject({ sequence: 2, attempt: 1 });
    await service.acknowledge(principal(), [coverageResult(member, 2).id]);
    const last = stream.next();
    const rejected = expect(last).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    await vi.advanceTimersByTimeAsync(36_000);
    await rejected;
  });

  test('that is refreshed to fewer accounts hides what came by before and was not sent yet', async () => {
    const own = session();
    const { service, metrics } = start();
    const stream = subscribe(service, { session: own });
    const first = stream.next();
    await eventually(async () => (await metrics.listeners.get()).values[0]?.value === 1);
    await append(...events(1));
    await first;
    await append(coverageProgress(member, 7, 10));
    own.refresh(principal({ accounts: ['A2'] }));
    const next = stream.next();
    await new Promise((resolve) => setImmediate(resolve)); // it has looked, and waits
    await append(coverageResult(member, 2, { accountId: 'A2' }));
    expect((await next).value).toMatchObject({ sequence: 2 });
  });

  test('that is refreshed to one which may no longer ends the stream FORBIDDEN', async () => {
    const own = session();
    const { service } = start();
    const stream = service.subscribe({
      session: own,
      filter: everything,
      after: null,
      transport: 'websocket',
      stillAllowed: ({ accounts }) => (accounts === null ? 'allow' : 'FORBIDDEN'),
    });
    const next = stream.next();
    own.refresh(principal({ accounts: [] }));
    await expect(next).rejects.toMatchObject({ code: 'FORBIDDEN' });
  });
});

describe('when the log or its doorbell fails', () => {
  test('a bell for what the log does not have is no reason to ask the log over and over', async () => {
    let ring: (rung: Ring) => void = () => undefined;
    let reads = 0;
    const counting: EventLog = {
      ...log,
      listen: (who, onRing) => log.listen(who, (ring = onRing)),
      read(...asked) {
        if (++reads > 50) throw new Error('It asks over and over.');
        return log.read(...asked);
      },
    };
    const { service } = start({ log: counting, sweepEveryMs: 3_600_000 });
    const stream = subscribe(service);
    await append(...events(1));
    await stream.next();
    const next = stream.next();
    const entry = (await log.read(member, { after: null, limit: 1 })).entries[0];
    if (entry === undefined) throw new Error('There is an entry.');
    ring({ kind: 'entry', entry: { ...entry, event: coverageResult(member, 9), position: { ...entry.position, sequence: 9 } } });
    await eventually(() => reads > 1, { what: 'a look at the log' });
    await append(...events(2));
    ring({ kind: 'interrupted' });
    expect((await next).value).toMatchObject({ sequence: 2 });
  });

  test('a lost doorbell is found by the sweep', async () => {
    let lose = false;
    const lossy: EventLog = { ...log, listen: (who, onRing) => log.listen(who, (ring) => lose || onRing(ring)) };
    const { service, metrics } = start({ log: lossy, sweepEveryMs: 50 });
    const stream = subscribe(service);
    await append(...events(1));
    await stream.next();
    lose = true;
    const next = stream.next();
    await append(...events(2));
    expect((await next).value).toMatchObject({ sequence: 2 });
    expect((await metrics.refills.get()).values[0]?.value).toBeGreaterThan(0);
  });

  test('a subscription outlasts an outage and misses nothing, whether it was live before or begins meanwhile; a query says UNAVAILABLE', async () => {
    let down = false;
    const shaky: EventLog = {
      ...log,
      read: (...asked) => (down ? Promise.reject(new LifelineError('UNAVAILABLE')) : log.read(...asked)),
      heads: (asked) => (down ? Promise.reject(new LifelineError('UNAVAILABLE')) : log.heads(asked)),
      listen: (who, onRing) =>
        down ? Promise.reject(new LifelineError('UNAVAILABLE')) : log.listen(who, (ring) => down || onRing(ring)),
    };
    const { service } = start({ log: shaky, sweepEveryMs: 50 });
    const stream = subscribe(service);
    await append(...events(1));
    await stream.next();
    down = true;
    const next = stream.next();
    await append(...events(2));
    const beginning = subscribe(service).next();
    const asked = service.page({ principal: principal(), filter: everything, after: null, first: 1 });
    await expect(asked).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    down = false;
    expect((await next).value).toMatchObject({ sequence: 2 });
    expect((await beginning).value).toMatchObject({ sequence: 1, replayed: true });
  });
});

describe('the poll path', () => {
  test('pages through what is retained, ends with the head, and continues exactly', async () => {
    await append(...events(1, 2, 3, 4, 5));
    const { service } = start();
    const first = await service.page({ principal: principal(), filter: everything, after: null, first: 2 });
    expect(sequences(first.deliveries)).toEqual([1, 2]);
    expect(first.hasNext).toBe(true);
    const second = await service.page({ principal: principal(), filter: everything, after: first.end, first: 10 });
    expect(sequences(second.deliveries)).toEqual([3, 4, 5]);
    expect(second.hasNext).toBe(false);
    await append(...events(6));
    expect(
      sequences((await service.page({ principal: principal(), filter: everything, after: second.end, first: 10 })).deliveries),
    ).toEqual([6]);
  });

  test('with a filter that matches nothing still ends at the head', async () => {
    await append(...events(...range(1, 1_200)));
    const { service } = start();
    const page = await service.page({ principal: principal(), filter: () => false, after: null, first: 1 });
    expect(page).toMatchObject({ deliveries: [], hasNext: false, end: { sequence: 1_200 } });
  });

  test('tells where a check stands: progress while it runs, its result after, nothing to whom it does not concern', async () => {
    const { service } = start();
    expect(await service.coverageUpdate(principal(), 'wf-1')).toBeNull();
    await append(coverageProgress(member, 1, 40));
    expect(await service.coverageUpdate(principal(), 'wf-1')).toMatchObject({ event: { type: 'rte.progress' }, sequence: null });
    await append(...events(1));
    expect(await service.coverageUpdate(principal(), 'wf-1')).toMatchObject({ event: { type: 'rte.completed' }, sequence: 1 });
    expect(await service.coverageUpdate(principal({ accounts: ['A9'] }), 'wf-1')).toBeNull();
    expect(await service.coverageUpdate(principal({ member: 'm-2' }), 'wf-1')).toBeNull();
    expect(await service.coverageUpdate(principal(), '../*')).toBeNull();
  });
});
