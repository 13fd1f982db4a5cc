import type { Admin, Kafka } from './kafkajs.ts';
import { topicIdOf } from './kafkajs-metadata.ts';
import type { OffsetRange } from './records.ts';

/** Questions about topics and offsets. Each settles within `answerWithinMs`, and rejects with a sentence when Kafka does not answer. */
export interface Offsets {
  /** Null when there is no such topic. */
  topic(name: string): Promise<TopicState | null>;
  /** By partition: the first offset not older than `timestamp`, or the end. */
  at(topic: string, timestamp: number): Promise<ReadonlyMap<number, number>>;
  /** By partition, where the group has committed any. */
  committed(topic: string): Promise<ReadonlyMap<number, number>>;
  create(topics: readonly string[]): Promise<void>;
  close(): Promise<void>;
}

export interface TopicState {
  /** Another one when the topic is deleted and created again; null where Kafka is too old (2.7) to tell. */
  readonly id: string | null;
  /** By partition. */
  readonly ranges: ReadonlyMap<number, OffsetRange>;
}

const answerWithinMs = 10_000;

/** Same questions asked at the same time (one per partition, after every rebalance) are asked once. */
export function createOffsets(client: Kafka, groupId: string): Offsets {
  let connection: Promise<Admin> | undefined;
  const asking = new Map<string, Promise<unknown>>();

  const connect = async () => {
    const admin = client.admin();
    await admin.connect();
    return admin;
  };

  const drop = async (dropped: Promise<Admin> | undefined) => {
    if (connection === dropped) connection = undefined;
    const admin = await dropped?.catch(() => undefined);
    await admin?.disconnect().catch(() => undefined);
  };

  const ask = async <T>(question: (admin: Admin) => Promise<T>): Promise<T> => {
    connection ??= connect();
    const used = connection;
    const deadline = Promise.withResolvers<never>();
    const timer = setTimeout(
      () => deadline.reject(new Error(`Kafka did not answer within ${answerWithinMs / 1_000} s.`)),
      answerWithinMs,
    );
    try {
      return await Promise.race([used.then(question), deadline.promise]);
    } catch (error) {
      // After an error kafkajs' admin keeps what led to it, a deleted topic for one, and every later question fails.
      void drop(used);
      throw error;
    } finally {
      clearTimeout(timer);
    }
  };

  const once = <T>(key: string, question: (admin: Admin) => Promise<T>): Promise<T> => {
    const known = asking.get(key);
    if (known !== undefined) return known as Promise<T>; // one type per key
    const asked = ask(question).finally(() => asking.delete(key));
    asking.set(key, asked);
    return asked;
  };

  const toMap = (offsets: readonly { readonly partition: number; readonly offset: string }[]) =>
    new Map(offsets.map(({ partition, offset }) => [partition, Number(offset)] as const));

  return {
    topic: (name) =>
      once(`topic ${name}`, async (admin) => {
        let id: string | null;
        try {
          // Fails at once for a missing topic, where asking for its offsets tries again for seconds.
          const { topics } = await admin.fetchTopicMetadata({ topics: [name] });
          id = topicIdOf(topics[0]?.partitions[0]);
        } catch (error) {
          if (isUnknownTopic(error)) return null;
          throw error;
        }
        const offsets = await admin.fetchTopicOffsets(name);
        return {
          id,
          ranges: new Map(offsets.map(({ partition, low, high }) => [partition, { low: Number(low), high: Number(high) }])),
        };
      }),
    at: (topic, timestamp) =>
      once(`at ${topic}`, async (admin) => toMap(await admin.fetchTopicOffsetsByTimestamp(topic, timestamp))),
    committed: (topic) =>
      once(`committed ${topic}`, async (admin) => {
        const [answer] = await admin.fetchOffsets({ groupId, topics: [topic] });
        return toMap((answer?.partitions ?? []).filter(({ offset }) => Number(offset) >= 0));
      }),
    create: (topics) =>
      ask(async (admin) => {
        const wanted = topics.map((topic) => ({ topic, numPartitions: 3, replicationFactor: 1 }));
        // Waiting for leaders rejects while brokers do not know the topic yet; the next look sees it.
        await admin.createTopics({ topics: wanted, waitForLeaders: false });
      }),
    close: () => drop(connection),
  };
}

function isUnknownTopic(error: unknown): boolean {
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    if ('type' in cause && cause.type === 'UNKNOWN_TOPIC_OR_PARTITION') return true;
  }
  return false;
}
