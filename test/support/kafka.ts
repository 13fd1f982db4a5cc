import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import {
  CompressionTypes,
  createClient,
  Partitioners,
  type IHeaders,
  type Message,
  type Producer,
} from '../../src/bridge/kafkajs.ts';
import { kafkaJars } from './kafka-jars.ts';

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
  /** Closes what these tools opened, not the broker. */
  close(): Promise<void>;
}

/** A real single-node Kafka on 127.0.0.1 that belongs to one test file. */
export interface TestKafka extends KafkaTools {
  /** Where one of the further listeners is. */
  addressOf(listener: string): string;
  /** SIGKILL; settles when the process is gone. */
  kill(): Promise<void>;
  /** The same ports and data again; after a `kill`, or instead of one. Settles when it answers. */
  restart(): Promise<void>;
  /** Freezes the process (SIGSTOP): connections stay open and nothing answers. */
  pause(): void;
  resume(): void;
  /** Ends the process and removes its folder. */
  stop(): Promise<void>;
}

export interface KafkaOptions {
  /** Lines of server.properties that win over the defaults. */
  readonly properties?: Readonly<Record<string, string>>;
  /** Besides the plain one, by name: what stands in the protocol map. The properties of each are the test's. */
  readonly listeners?: Readonly<Record<string, 'SSL' | 'SASL_PLAINTEXT' | 'SASL_SSL'>>;
  /** As StorageTool's `--add-scram` wants them. */
  readonly scramUsers?: readonly string[];
}

const startTimeoutMs = 60_000;
const produceWithinMs = 60_000;
const silent = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };

// A test run that is cut short must leave no broker behind.
const running = new Set<ChildProcess>();
process.once('exit', () => running.forEach((child) => child.kill('SIGKILL')));

/** @throws Error with one sentence on what to do when java or mvn is missing */
export async function startKafka({ properties = {}, listeners = {}, scramUsers = [] }: KafkaOptions = {}): Promise<TestKafka> {
  const jars = await kafkaJars();
  const folder = await mkdtemp(join(tmpdir(), 'lifeline-kafka-'));
  const config = join(folder, 'server.properties');
  const [port, controller] = [await freePort(), await freePort()];
  const addresses = new Map<string, string>();
  for (const name of Object.keys(listeners)) addresses.set(name, `127.0.0.1:${await freePort()}`);
  const further = [...addresses].map(([name, address]) => `,${name}://${address}`).join('');
  const all = {
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controller}${further}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}${further}`,
    'listener.security.protocol.map': `PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT${Object.entries(listeners)
      .map(([name, protocol]) => `,${name}:${protocol}`)
      .join('')}`,
    ...properties,
  };
  await writeFile(config, serverProperties(controller, join(folder, 'data'), all));
  const users = scramUsers.flatMap((user) => ['--add-scram', user]);
  await java(jars, ['kafka.tools.StorageTool', 'format', '-t', clusterId(), '-c', config, ...users]);

  const tools = kafkaTools([`127.0.0.1:${port}`]);
  let broker = await startBroker(jars, config, port);

  const kill = async () => {
    if (broker.exitCode !== null || broker.signalCode !== null) return;
    const gone = once(broker, 'exit');
    broker.kill('SIGKILL');
    await gone;
  };
  return {
    ...tools,
    addressOf(listener) {
      const address = addresses.get(listener);
      if (address === undefined) throw new Error(`There is no listener ${listener}.`);
      return address;
    },
    kill,
    restart: async () => {
      await kill();
      broker = await startBroker(jars, config, port);
    },
    pause: () => void broker.kill('SIGSTOP'),
    resume: () => void broker.kill('SIGCONT'),
    stop: async () => {
      await tools.close();
      await kill();
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** 16 bytes as Kafka writes them; the first bit is off, because an id that begins with `-` is taken for an option. */
function clusterId(): string {
  const bytes = randomBytes(16);
  bytes[0] = (bytes[0] ?? 0) & 0x7f;
  return bytes.toString('base64url');
}

/** Tools for the broker that the whole run shares, or any other: give topics and groups unique names. */
export function kafkaTools(brokers: string[]): KafkaTools {
  const client = createClient({ brokers, ssl: null, sasl: null, clientId: 'test' }, silent);
  const retry = { retries: 40, initialRetryTime: 100, maxRetryTime: 500 };
  let producer: Promise<Producer> | undefined;
  const connectProducer = async () => {
    const connecting = client.producer({
      createPartitioner: Partitioners.DefaultPartitioner,
      allowAutoTopicCreation: false,
      retry,
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
          topics: [{ topic, numPartitions, replicationFactor: 1, configEntries }],
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

function serverProperties(controller: number, data: string, more: Readonly<Record<string, string>>): string {
  const properties = {
    'process.roles': 'broker,controller',
    'node.id': '1',
    'controller.quorum.voters': `1@127.0.0.1:${controller}`,
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    'log.dirs': data,
    'offsets.topic.replication.factor': '1',
    'offsets.topic.num.partitions': '1',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.num.partitions': '1',
    'transaction.state.log.min.isr': '1',
    'group.initial.rebalance.delay.ms': '0',
    'auto.create.topics.enable': 'false',
    'log.cleaner.enable': 'false',
    // A killed broker may come back once its session is over: 9 s by default.
    'broker.session.timeout.ms': '2000',
    'broker.heartbeat.interval.ms': '500',
    // Deleted topics give their name free at once.
    'log.segment.delete.delay.ms': '1000',
    'num.network.threads': '2',
    'num.io.threads': '2',
    ...more,
  };
  return Object.entries(properties)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
}

async function startBroker(jars: string, config: string, port: number): Promise<ChildProcess> {
  const memory = ['-Xmx384m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];
  const broker = spawn('java', [...memory, '-cp', join(jars, '*'), 'kafka.Kafka', config], { stdio: ['ignore', 'pipe', 'pipe'] });
  running.add(broker);
  broker.once('exit', () => running.delete(broker));
  let output = '';
  const keep = (chunk: Buffer) => (output = (output + chunk.toString()).slice(-4_000));
  broker.stdout.on('data', keep);
  broker.stderr.on('data', keep);

  const client = createClient({ brokers: [`127.0.0.1:${port}`], ssl: null, sasl: null, clientId: 'test' }, silent);
  const deadline = Date.now() + startTimeoutMs;
  for (;;) {
    const admin = client.admin({ retry: { retries: 0 } });
    try {
      await admin.connect();
      const { brokers } = await admin.describeCluster();
      if (brokers.length > 0) return broker; // a restarted broker is fenced, and not listed, for the first moments
    } catch {
      // not listening yet
    } finally {
      await admin.disconnect().catch(() => undefined);
    }
    if (broker.exitCode !== null) throw new Error(`Kafka ended with code ${broker.exitCode}. ${output}`);
    if (Date.now() > deadline) {
      broker.kill('SIGKILL');
      throw new Error(`Kafka did not answer on 127.0.0.1:${port} within ${startTimeoutMs / 1000} s. ${output}`);
    }
    await sleep(100);
  }
}

async function java(jars: string, args: readonly string[]): Promise<void> {
  const child = spawn('java', ['-cp', join(jars, '*'), ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  const keep = (chunk: Buffer) => (output = (output + chunk.toString()).slice(-4_000));
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  await once(child, 'close');
  if (child.exitCode !== 0) throw new Error(`java ${args[0]} ended with code ${child.exitCode}. ${output}`);
}

/**
 * Below the range that the kernel takes outgoing ports from: a client that knocks while its broker is down could otherwise be given that
 * very port and connect to itself.
 */
async function freePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    const server = createServer();
    const free = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => resolve(true));
    });
    if (!free) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
}
