import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import {
  CompressionTypes,
  createClient,
  Partitioners,
  type IHeaders,
  type Message,
  type Producer,
} from '../../src/bridge/kafkajs.ts';
import { createNode, createQuorum, type KafkaNode, type NodeOptions, silent } from './kafka-node.ts';

export interface ProducedRecord {
  readonly key?: string | Buffer | null;
  readonly value: string | Buffer | null;
  readonly headers?: IHeaders;
  readonly partition?: number;
  /** ms since the epoch */
  readonly timestamp?: number;
}

export interface ReadRecord {
  readonly partition: number;
  readonly offset: number;
  readonly key: string | null;
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, string>>;
}

export type Compression = 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd';

/** What tests do to a broker that they did not start themselves. */
export interface KafkaTools {
  readonly brokers: string[];
  createTopic(name: string, partitions?: number, config?: Readonly<Record<string, string>>): Promise<void>;
  deleteTopic(name: string): Promise<void>;
  /** Up to `count` partitions in all. */
  addPartitions(topic: string, count: number): Promise<void>;
  /** Waits for all in-sync replicas. Tries again while the broker is down, which can double records. */
  produce(topic: string, records: readonly ProducedRecord[], compression?: Compression): Promise<void>;
  /** One transaction, committed or aborted: leaves a marker that has an offset and is no record. */
  transact(topic: string, records: readonly ProducedRecord[], outcome: 'commit' | 'abort'): Promise<void>;
  /** Everything the topic holds at this moment, committed, by partition and offset. */
  readAll(topic: string): Promise<ReadRecord[]>;
  /** The group's committed next offsets by partition; absent where there is none. */
  committed(groupId: string, topic: string): Promise<Map<number, number>>;
  deleteGroup(groupId: string): Promise<void>;
  /** Makes everything below `offset` go, as retention does. */
  truncate(topic: string, partition: number, offset: number): Promise<void>;
  /** By partition: its leader, and whether every replica is in sync. */
  leaders(topic: string): Promise<Map<number, { readonly leader: number; readonly inSync: boolean }>>;
  /** Closes what these tools opened, not the broker. */
  close(): Promise<void>;
}

/** A real Kafka on 127.0.0.1 that belongs to one test file. What is done to it is done to all of its nodes. */
export interface TestKafka extends KafkaTools {
  readonly nodes: readonly KafkaNode[];
  /** Where one of the further listeners of the first node is. */
  addressOf(listener: string): string;
  /** SIGKILL; settles when the processes are gone. */
  kill(): Promise<void>;
  /** The same ports and data again; after a `kill`, or instead of one. Settles when it answers. */
  restart(): Promise<void>;
  /** Freezes the processes (SIGSTOP): connections stay open and nothing answers. */
  pause(): void;
  resume(): void;
  /** Ends the processes and removes their folders. */
  stop(): Promise<void>;
}

export interface KafkaOptions extends NodeOptions {
  /** More than one: every topic is on all of them, and takes writes while most of its replicas are in sync. */
  readonly nodes?: number;
  /** What differs from node to node. */
  readonly advertisedBy?: (id: number) => Readonly<Record<string, string>>;
}

const startTimeoutMs = 60_000;
const produceWithinMs = 60_000;

/** @throws Error with one sentence on what to do when java or mvn is missing */
export async function startKafka({ nodes: count = 1, advertisedBy, ...options }: KafkaOptions = {}): Promise<TestKafka> {
  const properties = { ...(count > 1 ? replicated : {}), ...options.properties };
  const begin = async () => {
    const quorum = await createQuorum(count);
    const created = await Promise.all(
      quorum.ports.map((_, index) => {
        const advertised = advertisedBy?.(index + 1) ?? options.advertised ?? {};
        return createNode(index + 1, quorum, { ...options, properties, advertised });
      }),
    );
    try {
      await Promise.all(created.map((node) => node.up()));
    } catch (error) {
      await Promise.all(created.map((node) => node.stop()));
      throw error;
    }
    return created;
  };
  // Somebody else may take a port between finding and using it, and a broker that cannot have one ends without a word.
  const nodes = await begin().catch(begin);
  const tools = kafkaTools(
    nodes.map(({ address }) => address),
    { replicas: count },
  );
  const each = (act: (node: KafkaNode) => Promise<void>) => Promise.all(nodes.map(act)).then(() => undefined);
  return {
    ...tools,
    nodes,
    addressOf: (listener) => nodes[0]?.addressOf(listener) ?? '',
    kill: () => each((node) => node.kill()),
    restart: async () => {
      await each((node) => node.kill());
      await each((node) => node.restart());
    },
    pause: () => nodes.forEach((node) => node.pause()),
    resume: () => nodes.forEach((node) => node.resume()),
    stop: async () => {
      await tools.close();
      await each((node) => node.stop());
    },
  };
}

const replicated = {
  'default.replication.factor': '3',
  'min.insync.replicas': '2',
  'offsets.topic.replication.factor': '3',
  'transaction.state.log.replication.factor': '3',
  'transaction.state.log.min.isr': '2',
  // Leaders move back soon to where they were before a restart.
  'leader.imbalance.check.interval.seconds': '5',
};

/** Tools for the broker that the whole run shares, or any other: give topics and groups unique names. */
export function kafkaTools(brokers: string[], { replicas = 1 }: { readonly replicas?: number } = {}): KafkaTools {
  const client = createClient({ brokers, ssl: null, sasl: null, clientId: 'test' }, silent);
  const retry = { retries: 40, initialRetryTime: 100, maxRetryTime: 500 };
  let producer: Promise<Producer> | undefined;
  const connectProducer = async () => {
    const connecting = client.producer({
      createPartitioner: Partitioners.DefaultPartitioner,
      allowAutoTopicCreation: false,
      // Its own tries can lose records when a leader moves between them, and call them sent.
      retry: { retries: 0 },
    });
    await connecting.connect();
    return connecting;
  };
  const close = async () => {
    const closing = producer;
    producer = undefined;
    await (await closing?.catch(() => undefined))?.disconnect().catch(() => undefined);
  };
  const withAdmin = async <T>(use: (admin: ReturnType<typeof client.admin>) => Promise<T>): Promise<T> => {
    const admin = client.admin({ retry });
    await admin.connect();
    try {
      return await use(admin);
    } finally {
      await admin.disconnect();
    }
  };
  return {
    brokers,
    createTopic: (topic, numPartitions = 1, config = {}) =>
      withAdmin(async (admin) => {
        const configEntries = Object.entries(config).map(([name, value]) => ({ name, value }));
        await admin.createTopics({
          topics: [{ topic, numPartitions, replicationFactor: replicas, configEntries }],
          waitForLeaders: false,
        });
        // kafkajs' own waiting rejects while the broker has not heard of the topic from the controller yet.
        const deadline = Date.now() + startTimeoutMs;
        const hosted = () =>
          admin.fetchTopicMetadata({ topics: [topic] }).then(
            ({ topics: [found] }) =>
              found?.partitions.length === numPartitions && found.partitions.every(({ leader }) => leader >= 0),
            () => false,
          );
        while (!(await hosted())) {
          if (Date.now() > deadline) throw new Error(`Topic ${topic} has no leader.`);
          await sleep(20);
        }
      }),
    addPartitions: async (topic, count) => {
      await withAdmin((admin) => admin.createPartitions({ topicPartitions: [{ topic, count }] }));
      // A producer that knows the topic without them drops what is addressed to them, without a word.
      await close();
    },
    deleteTopic: (topic) => withAdmin((admin) => admin.deleteTopics({ topics: [topic] })),
    produce: async (topic, records, compression = 'none') => {
      const record = { topic, messages: records.map(toMessage), acks: -1, compression: compressionTypes[compression] };
      const deadline = Date.now() + produceWithinMs;
      for (;;) {
        producer ??= connectProducer();
        try {
          return void (await (await producer).send(record));
        } catch (error) {
          // kafkajs calls some of what a restarting broker answers final, and its producer may not recover.
          if (Date.now() > deadline) throw error;
          await close();
          await sleep(100);
        }
      }
    },
    transact: async (topic, records, outcome) => {
      const transactional = client.producer({
        createPartitioner: Partitioners.DefaultPartitioner,
        transactionalId: randomUUID(),
        idempotent: true,
        maxInFlightRequests: 1,
      });
      await transactional.connect();
      try {
        const transaction = await transactional.transaction();
        await transaction.send({ topic, messages: records.map(toMessage), acks: -1 });
        await transaction[outcome]();
      } finally {
        await transactional.disconnect();
      }
    },
    readAll: async (topic) => {
      const ends = await withAdmin((admin) => admin.fetchTopicOffsets(topic));
      return readUntil(
        client,
        topic,
        new Map(ends.map(({ partition, high, low }) => [partition, { low: Number(low), high: Number(high) }])),
      );
    },
    committed: (groupId, topic) =>
      withAdmin(async (admin) => {
        const [answer] = await admin.fetchOffsets({ groupId, topics: [topic] });
        const known = answer?.partitions.filter(({ offset }) => Number(offset) >= 0) ?? [];
        return new Map(known.map(({ partition, offset }) => [partition, Number(offset)]));
      }),
    deleteGroup: (groupId) =>
      withAdmin(async (admin) => {
        await admin.deleteGroups([groupId]);
      }),
    truncate: (topic, partition, offset) =>
      withAdmin(async (admin) => {
        await admin.fetchTopicOffsets(topic); // it looks for the leader only among topics that were asked about before
        await admin.deleteTopicRecords({ topic, partitions: [{ partition, offset: String(offset) }] });
      }),
    leaders: (topic) =>
      withAdmin(async (admin) => {
        const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
        const found = topics[0]?.partitions ?? [];
        return new Map(
          found.map(({ partitionId, leader, isr, replicas: all }) => [partitionId, { leader, inSync: isr.length === all.length }]),
        );
      }),
    close,
  };
}

const compressionTypes = {
  none: CompressionTypes.None,
  gzip: CompressionTypes.GZIP,
  snappy: CompressionTypes.Snappy,
  lz4: CompressionTypes.LZ4,
  zstd: CompressionTypes.ZSTD,
};

function toMessage({ key = null, value, headers = {}, partition, timestamp }: ProducedRecord): Message {
  return {
    key,
    value,
    headers,
    ...(partition === undefined ? {} : { partition }),
    ...(timestamp === undefined ? {} : { timestamp: String(timestamp) }),
  };
}

async function readUntil(
  client: ReturnType<typeof createClient>,
  topic: string,
  ends: ReadonlyMap<number, { low: number; high: number }>,
): Promise<ReadRecord[]> {
  const waiting = new Set([...ends].filter(([, { low, high }]) => high > low).map(([partition]) => partition));
  if (waiting.size === 0) return [];
  const found: ReadRecord[] = [];
  const consumer = client.consumer({ groupId: `test-reader-${randomUUID()}`, maxWaitTimeInMs: 100, allowAutoTopicCreation: false });
  await consumer.connect();
  try {
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    const { promise: finished, resolve, reject } = Promise.withResolvers<void>();
    const deadline = setTimeout(() => reject(new Error(`Reading all of ${topic} took more than 30 s.`)), 30_000);
    // A batch of markers alone never reaches the handler, its offsets do.
    const reached = (partition: number, lastOffset: string) => {
      if (Number(lastOffset) + 1 >= (ends.get(partition)?.high ?? 0)) waiting.delete(partition);
      if (waiting.size === 0) resolve();
    };
    consumer.on('consumer.end_batch_process', ({ payload }) => reached(payload.partition, payload.lastOffset));
    await consumer.run({
      autoCommit: false,
      eachBatch: async ({ batch }) => {
        for (const { offset, key, value, headers } of batch.messages) {
          const text = Object.entries(headers ?? {}).map(([name, header]) => [name, String(header)]);
          found.push({
            partition: batch.partition,
            offset: Number(offset),
            key: key?.toString() ?? null,
            value,
            headers: Object.fromEntries(text),
          });
        }
      },
    });
    await finished.finally(() => clearTimeout(deadline));
  } finally {
    await consumer.disconnect();
  }
  return found
    .filter(({ partition, offset }) => offset < (ends.get(partition)?.high ?? 0))
    .toSorted((a, b) => a.partition - b.partition || a.offset - b.offset);
}
