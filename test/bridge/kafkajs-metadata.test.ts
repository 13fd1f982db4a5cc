import { createRequire } from 'node:module';

import { expect, inject, it } from 'vitest';

// As the product does: what is tested is what kafkajs itself then asks and reads.
import { createClient } from '../../src/bridge/kafkajs.ts';
import { topicIdOf } from '../../src/bridge/kafkajs-metadata.ts';
import { eventually } from '../support/eventually.ts';
import { kafkaTools } from '../support/kafka.ts';
import { unique } from './harness.ts';

const silent = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };

interface Chosen {
  readonly request: { readonly apiVersion: number };
  readonly response: { readonly decode: (bytes: Buffer) => Promise<{ topicMetadata: { partitionMetadata: object[] }[] }> };
}
const metadata: { protocol: (chosen: { version: number }) => (asked: { topics: string[] }) => Chosen } = createRequire(
  import.meta.url,
)('kafkajs/src/protocol/requests/metadata');
const version = (number: number) => metadata.protocol({ version: number })({ topics: ['t'] });

it('a topic that is created again has another id, and one that is not keeps its own', async () => {
  const kafka = kafkaTools(inject('kafkaBrokers'));
  const topic = unique('topic');
  const admin = createClient({ brokers: kafka.brokers, ssl: null, sasl: null, clientId: 'test' }, silent).admin();
  await admin.connect();
  const ids = async () => {
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
    return [...new Set(topics[0]?.partitions.map(topicIdOf))];
  };
  try {
    await kafka.createTopic(topic, 3);
    const first = await ids();
    expect(first).toEqual([expect.stringMatching(/^[\w-]{22}$/)]);
    expect(await ids()).toEqual(first);
    await kafka.deleteTopic(topic);
    await eventually(() => kafka.createTopic(topic, 3).then(() => true));
    // A broker hears of it from the controller a moment later.
    await eventually(async () => expect(await ids()).not.toEqual(first) ?? true);
    expect(await ids()).toEqual([expect.stringMatching(/^[\w-]{22}$/)]);
  } finally {
    await admin.disconnect();
    await kafka.close();
  }
});

it('a broker too old to know ids is asked as kafkajs always did', () => {
  for (const old of [6, 7, 8, 9]) expect(version(old).request.apiVersion).toBe(6);
  expect(version(10).request.apiVersion).toBe(10);
  expect(topicIdOf({ partitionId: 0 })).toBe(null);
  expect(topicIdOf(undefined)).toBe(null);
});

it('a broker that has no id for a topic, and one that adds fields nobody knows yet, are understood', async () => {
  const int32 = (value: number) => [0, 0, 0, value];
  const answer = (id: number[]) => {
    const header = [1, 9, 3, 1, 2, 3]; // a tagged field: tag 9, three bytes
    const broker = [2, ...int32(7), 2, 0x68, ...int32(9), 0, 0]; // without a rack
    const cluster = [0, ...int32(7)]; // no id, controller 7
    const topic = [2, 0, 0, 2, 0x74, ...id, 0];
    const partition = [2, 0, 0, ...int32(4), ...int32(7), ...int32(1), 2, ...int32(7), 2, ...int32(7), 1];
    const tag = [1, 5, 1, 0xff];
    const end = [...int32(0), 0]; // operations, no tags
    return Buffer.from([header, int32(0), broker, cluster, topic, partition, tag, end, end].flat());
  };
  const partitionOf = async (id: number[]) =>
    (await version(10).response.decode(answer(id))).topicMetadata[0]?.partitionMetadata[0];
  const unknown = await partitionOf(Array.from({ length: 16 }, () => 0));
  expect(unknown).toMatchObject({ partitionId: 4, leader: 7, isr: [7], offlineReplicas: [] });
  expect(topicIdOf(unknown)).toBe(null);
  expect(topicIdOf(await partitionOf(Array.from({ length: 16 }, () => 1)))).toMatch(/^AQEB/);
  await expect(version(10).response.decode(answer([1, 2]).subarray(0, 30))).rejects.toThrow('ends too early');
});
