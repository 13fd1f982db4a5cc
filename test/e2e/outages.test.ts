import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';

import { eventually } from '../support/eventually.ts';
import { exampleEvent, structuredRecord } from '../support/events.ts';
import { type EventNode, pending, request, subscribe, type Subscribed } from '../support/graphql.ts';
import { startKafka, type TestKafka } from '../support/kafka.ts';
import { type Lifeline, startLifeline, tokenFor } from '../support/lifeline.ts';
import { numbered, produceContinuously, type Stack, startStack } from './stack.ts';

let kafka: TestKafka;
let stack: Stack;
let lifeline: Lifeline;

beforeAll(async () => {
  kafka = await startKafka();
});
afterAll(() => kafka?.stop());
beforeEach(async () => {
  stack = await startStack({ kafka, redis: { own: true, aof: true } });
  lifeline = await stack.start('all');
});
afterEach(() => stack?.stop());

const workflows = (events: readonly EventNode[]) => events.map((event) => String(event['workflowId']));

/** An app as it should be: resubscribes with its newest cursor, queries and starts over when told to, acknowledges. */
function persistentClient(wsUrl: string, url: string, token: string, member: string) {
  const received: EventNode[] = [];
  let resyncs = 0;
  let current: Subscribed | undefined;
  let cursor: string | null = null;
  let running = true;
  const done = (async () => {
    while (running) {
      const subscribed = subscribe(wsUrl, token, member, { after: cursor, acknowledge: true });
      current = subscribed;
      await eventually(() => subscribed.ended || subscribed.closeCode !== undefined || !running, { withinMs: 600_000 });
      subscribed.stop();
      received.push(...subscribed.events);
      current = undefined;
      cursor = received.at(-1)?.delivery.cursor ?? cursor;
      if (subscribed.errors.some(({ extensions }) => extensions?.['code'] === 'RESYNC_REQUIRED')) {
        resyncs++;
        const query = `{ coverageUpdates(accountId: "A123", first: 1000) { nodes { workflowId type channel delivery { id cursor sequence attempt replayed } } pageInfo { endCursor } } }`;
        const answer = await request<{ coverageUpdates: { nodes: EventNode[]; pageInfo: { endCursor: string } } }>(
          url,
          token,
          query,
        );
        received.push(...(answer.data?.coverageUpdates.nodes ?? []));
        cursor = answer.data?.coverageUpdates.pageInfo.endCursor ?? null;
      }
      if (running) await new Promise((resolve) => setTimeout(resolve, 100));
    }
  })();
  return {
    all: () => [...received, ...(current?.events ?? [])],
    resyncs: () => resyncs,
    async stop() {
      running = false;
      await done;
    },
  };
}

/** Everything produced came at least once, in order of first copies; every repeat is flagged. */
function expectWhole(events: readonly EventNode[], produced: readonly string[]) {
  const seen = new Set<string>();
  const first: EventNode[] = [];
  for (const event of events) {
    if (seen.has(event.delivery.id))
      expect(event.delivery.attempt > 1 || event.delivery.replayed, `repeat of ${String(event['workflowId'])}`).toBe(true);
    else first.push(event);
    seen.add(event.delivery.id);
  }
  expect(new Set(workflows(first))).toEqual(new Set(produced));
  return first;
}

test('Redis killed under load, with its append-only file, loses nothing, and the process survives', async () => {
  const member = 'm-redis';
  const token = await tokenFor(member);
  const client = persistentClient(lifeline.wsUrl, lifeline.url, token, member);
  const load = produceContinuously(stack, member, 100);
  for (let round = 0; round < 3; round++) {
    const before = client.all().length;
    await eventually(() => client.all().length >= before + 30, { what: 'events before the kill' });
    await stack.redis.kill();
    await eventually(async () => (await lifeline.readyz()).status === 503, { what: '/readyz red' });
    const { checks } = await lifeline.readyz();
    expect(checks['redis']).toMatchObject({ ok: false, reason: expect.any(String) });
    expect((await request(lifeline.url, token, pending)).errors?.[0]?.extensions).toMatchObject({
      code: 'UNAVAILABLE',
      retry: 'backoff',
    });
    await stack.redis.restart();
    await lifeline.ready();
  }
  const before = client.all().length;
  await eventually(() => client.all().length >= before + 30, { what: 'events after the last kill' });
  await load.stop();
  await eventually(() => new Set(workflows(client.all())).size >= load.produced.length, { what: 'everything produced' });
  await client.stop();
  const first = expectWhole(client.all(), load.produced);
  expect(workflows(first)).toEqual(load.produced);
  expect(client.resyncs()).toBe(0);
}, 180_000);

test('Kafka restarted under load loses nothing', async () => {
  const member = 'm-kafka';
  const token = await tokenFor(member);
  const subscribed = subscribe(lifeline.wsUrl, token, member, { acknowledge: true });
  const load = produceContinuously(stack, member, 100);
  await subscribed.take(50);
  await kafka.restart();
  const before = subscribed.events.length;
  await subscribed.take(before + 50, 60_000);
  await load.stop();
  await eventually(() => new Set(workflows(subscribed.events)).size >= load.produced.length, {
    what: 'everything produced',
    withinMs: 60_000,
  });
  // The producer may have doubled a record while Kafka was away; the log knows ids, so nobody sees it.
  expect(workflows(expectWhole(subscribed.events, load.produced))).toEqual(load.produced);
  await lifeline.ready();
  subscribed.stop();
}, 180_000);

test('Redis emptied under load: the log is rebuilt from Kafka, subscribers are told or made whole, nothing un-acknowledged is lost', async () => {
  const member = 'm-flush';
  const quiet = 'm-flush-quiet';
  const token = await tokenFor(member);
  await stack.produce(numbered(quiet, 1, 5)); // nobody was there to acknowledge these
  const client = persistentClient(lifeline.wsUrl, lifeline.url, token, member);
  const load = produceContinuously(stack, member, 100);
  await eventually(() => client.all().length >= 50);
  await stack.redis.command('FLUSHALL');
  const before = client.all().length;
  await eventually(() => client.all().length >= before + 50, { what: 'events after the loss' });
  await load.stop();
  await eventually(() => new Set(workflows(client.all())).size >= load.produced.length, { what: 'everything produced' });
  await client.stop();
  expectWhole(client.all(), load.produced);
  expect(client.resyncs()).toBeGreaterThan(0);

  const late = subscribe(lifeline.wsUrl, await tokenFor(quiet), quiet);
  expect(workflows(await late.take(5))).toEqual(['n-1', 'n-2', 'n-3', 'n-4', 'n-5']);
  late.stop();
}, 180_000);

test('a new consumer group, and one whose offsets were deleted, feed nothing twice and lose nothing', async () => {
  const member = 'm-groups';
  const token = await tokenFor(member);
  const subscribed = subscribe(lifeline.wsUrl, token, member, { acknowledge: true });
  await stack.produce(numbered(member, 1, 50));
  await subscribed.take(50);
  const acknowledged = () => lifeline.metric('lifeline_acknowledgements_total', { result: 'acknowledged' });
  await eventually(async () => (await acknowledged()) >= 50, { what: 'the acknowledgements' });
  await lifeline.stop();
  await stack.kafka.deleteGroup(stack.groupId);
  await stack.produce(numbered(member, 51, 60));

  for (const groupId of [stack.groupId, `${stack.groupId}-new`]) {
    const next = await stack.start('all', { KAFKA_GROUP_ID: groupId });
    const again = subscribe(next.wsUrl, token, member, { acknowledge: true });
    const offset = groupId === stack.groupId ? 50 : 60;
    if (groupId !== stack.groupId) await stack.produce(numbered(member, 61, 70));
    const events = await again.take(10);
    expect(workflows(events)).toEqual(Array.from({ length: 10 }, (_, index) => `n-${offset + index + 1}`));
    expect(await next.metric('lifeline_appends_total', { result: 'ok' })).toBe(10);
    expect(await next.metric('lifeline_appends_total', { result: 'duplicate' })).toBe(0);
    again.stop();
    await next.stop();
  }
}, 120_000);

test('started before Redis and Kafka it waits, says why, and gets going when they come', async () => {
  await lifeline.stop();
  await stack.redis.kill();
  await kafka.kill();
  const waiting = await startLifeline(['all'], stack.env);
  await eventually(async () => {
    const { status, checks } = await waiting.readyz();
    const reasons = Object.values(checks).filter(({ ok, reason }) => !ok && typeof reason === 'string' && reason !== '');
    return status === 503 && checks['redis']?.ok === false && reasons.length >= 2;
  });
  await stack.redis.restart();
  await kafka.restart();
  await waiting.ready();
  const member = 'm-late-start';
  const subscribed = subscribe(waiting.wsUrl, await tokenFor(member), member);
  await stack.produce(numbered(member, 1, 1));
  await subscribed.take(1);
  subscribed.stop();
  const warnings = waiting.log.filter(({ level }) => level === 'warn' || level === 'error');
  expect(warnings.length).toBeLessThan(12);
  await waiting.stop();
}, 180_000);

test.each([
  ['no Kafka', ['kafka']],
  ['neither Redis nor Kafka', ['redis', 'kafka']],
])(
  'told to end while %s answers, it ends by itself and in time',
  async (_, frozen) => {
    const member = `m-end-${frozen.join('-')}`;
    const subscribed = subscribe(lifeline.wsUrl, await tokenFor(member), member);
    await stack.produce(numbered(member, 1, 1));
    await subscribed.take(1);
    const servers = frozen.map((name) => (name === 'redis' ? stack.redis : kafka));
    try {
      // A batch with a poison in it is on its way, and an event that nobody acknowledged is due for the dead letters.
      const short = exampleEvent('call.join', {
        member,
        id: 'short',
        time: Date.now() - 2 * 3_600_000 + 4_000,
      });
      await stack.produce([short]);
      await stack.kafka.produce(stack.topics.coverage, [{ value: 'poison' }, ...numbered(member, 2, 3).map(structuredRecord)]);
      for (const server of servers) server.pause();
      await eventually(async () => (await lifeline.readyz()).status === 503, { what: '/readyz red', withinMs: 30_000 });
      await lifeline.stop();
    } finally {
      for (const server of servers) server.resume();
      subscribed.stop();
    }
  },
  120_000,
);
