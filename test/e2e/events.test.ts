import { randomUUID } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';

import { catalogue, eventTypes } from '../../src/event/catalogue.ts';
import { deliveryId } from '../../src/event/event.ts';
import { binaryRecord, exampleEvent, structuredRecord } from '../support/events.ts';
import { coverageFields, request, subscribe, subscribeSse, visitFields, type EventNode } from '../support/graphql.ts';
import { kafkaTools } from '../support/kafka.ts';
import { type Lifeline, startLifeline, testSecret, tokenFor } from '../support/lifeline.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';

const kafka = kafkaTools(inject('kafkaBrokers'));
const suffix = randomUUID().slice(0, 8);
const topics = [`rte-${suffix}`, `calls-${suffix}`];
let redis: TestRedis;
let lifeline: Lifeline;

const topicOf = (type: string) => topics[type.startsWith('rte.') ? 0 : 1] ?? '';

beforeAll(async () => {
  redis = await startRedis({ own: true });
  for (const topic of [...topics, `dead-${suffix}`]) await kafka.createTopic(topic, 2);
  lifeline = await startLifeline(['all'], {
    REDIS_URL: redis.url,
    KAFKA_BROKERS: kafka.brokers.join(','),
    KAFKA_TOPICS: topics.join(','),
    KAFKA_DEAD_LETTER_TOPIC: `dead-${suffix}`,
    KAFKA_GROUP_ID: `group-${suffix}`,
    JWT_SECRET: testSecret,
    CURSOR_SECRET: testSecret,
  });
  await lifeline.ready();
});
afterAll(async () => {
  await lifeline?.stop();
  await redis?.stop();
  await kafka.close();
});

describe.each([
  ['structured', structuredRecord],
  ['binary', binaryRecord],
] as const)('an event in the %s content mode', (mode, record) => {
  test.each(eventTypes)('%s arrives over WebSocket, over SSE, and by query', async (type) => {
    const member = `m-${mode}-${type}`;
    const token = await tokenFor(member);
    const [socket, stream] = [subscribe(lifeline.wsUrl, token, member), subscribeSse(lifeline.url, token, member)];
    const listening = async () =>
      (await lifeline.metric('lifeline_subscriptions_active')) === 2 && (await lifeline.metric('lifeline_listeners')) === 1;
    await expect.poll(listening, { timeout: 10_000 }).toBe(true);

    const event = exampleEvent(type, { member, channelId: `id-${suffix}` });
    await kafka.produce(topicOf(type), [record(event)]);
    const critical = catalogue[type].class === 'critical';
    const expected = {
      type,
      channel: `/member/${member}/${type.startsWith('rte.') ? 'rte' : 'video-visit'}/id-${suffix}`,
      occurredAt: event['time'],
      delivery: {
        id: deliveryId(event['source'], event['id']),
        sequence: critical ? 1 : null,
        attempt: 1,
        replayed: false,
        ackRequired: critical,
        acknowledgedAt: null,
      },
    };
    expect((await socket.take(1))[0]).toMatchObject(expected);
    expect((await stream.take(1))[0]).toMatchObject(expected);

    const query = type.startsWith('rte.')
      ? `{ coverageUpdates(accountId: "A123") { nodes { ${coverageFields} } pollAfterMs } }`
      : `{ videoVisitEvents { nodes { ${visitFields} } pollAfterMs } }`;
    const polled = await request<Record<string, { nodes: EventNode[]; pollAfterMs: number }>>(lifeline.url, token, query);
    expect(polled.errors).toBeUndefined();
    const [page] = Object.values(polled.data ?? {});
    expect(page?.pollAfterMs).toBe(type.startsWith('rte.') ? 2_000 : 5_000);
    expect(page?.nodes).toHaveLength(critical ? 1 : 0);
    if (critical) expect(page?.nodes[0]).toMatchObject({ ...expected, delivery: { ...expected.delivery, replayed: true } });
    socket.stop();
    stream.stop();
    await expect.poll(() => lifeline.metric('lifeline_listeners'), { timeout: 10_000 }).toBe(0);
  });
});
