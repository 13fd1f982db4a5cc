import type { Kafka } from './kafkajs.ts';

import { Feed } from './feed.ts';

export type SessionEnd = { readonly reason: 'crash' | 'stall' | 'topics' | 'not-joined'; readonly detail: string };

export interface Session {
  /** Never rejects. */
  readonly ended: Promise<SessionEnd>;
  joined(): boolean;
  feeds(): readonly Feed[];
  end(end: SessionEnd): void;
  commit(topic: string, partition: number, next: number): void;
  /** Leaves the group; settles within seconds even when the client does not. */
  close(): Promise<void>;
}

export interface SessionOptions {
  readonly client: Kafka;
  readonly groupId: string;
  readonly topics: readonly string[];
  readonly onAssigned: (feed: Feed) => void;
}

/** A process that is told to end has 10 s for everything; a client that hangs longer leaves behind our back, with its feeds lost. */
const closeWithinMs = 3_000;
const commitEveryMs = 2_000;

/**
 * One life of a kafkajs consumer, from joining the group to the first thing that goes wrong. kafkajs' own restarts are off: it restarts
 * after some errors and silently never after others (kafkajs #1445, #1513), so whoever holds sessions makes a new one each time.
 */
export function startSession({ client, groupId, topics, onAssigned }: SessionOptions): Session {
  const consumer = client.consumer({
    groupId,
    allowAutoTopicCreation: false,
    // A bridge that is killed gives its partitions back after this; kafkajs heartbeats between fetches, which are half a second apart.
    sessionTimeout: 10_000,
    heartbeatInterval: 2_500,
    rebalanceTimeout: 20_000,
    maxWaitTimeInMs: 500,
    // A response is decoded whole, in memory.
    maxBytesPerPartition: 1024 * 1024,
    maxBytes: 5 * 1024 * 1024,
    // New partitions are found within this.
    metadataMaxAge: 10_000,
    readUncommitted: false,
    retry: {
      initialRetryTime: 100,
      maxRetryTime: 2_000,
      factor: 0.2,
      multiplier: 2,
      retries: 4,
      restartOnFailure: async () => false,
    },
  });

  const { promise: ended, resolve: end } = Promise.withResolvers<SessionEnd>();
  const commits = new Map<string, { readonly topic: string; readonly partition: number; readonly offset: string }>();
  let feeds = new Map<string, Feed>();
  let joined = false;
  let over = false;

  const loseAll = () => {
    for (const feed of feeds.values()) feed.lose();
    feeds = new Map();
  };

  const feedFor = (topic: string, partition: number): Feed => {
    const one = [{ topic, partitions: [partition] }];
    // Paused before the first fetch of this assignment: nothing is fetched until the reader has said from where.
    consumer.pause(one);
    return new Feed(topic, partition, {
      seek: (offset) => consumer.seek({ topic, partition, offset: String(offset) }),
      pause: () => consumer.pause(one),
      resume: () => consumer.resume(one),
    });
  };

  const listeners = [
    // Emitted before the first fetch with the new assignment, and its listeners run at once. The group may have been elsewhere in the
    // meantime, so also a partition that stays is a new one.
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
      if (over) return;
      loseAll();
      commits.clear();
      joined = true;
      for (const [topic, partitions] of Object.entries(payload.memberAssignment)) {
        for (const partition of partitions) feeds.set(keyOf(topic, partition), feedFor(topic, partition));
      }
      for (const feed of feeds.values()) onAssigned(feed);
    }),
    consumer.on(consumer.events.REBALANCING, loseAll),
    consumer.on(consumer.events.CRASH, ({ payload }) => end({ reason: 'crash', detail: payload.error.message })),
    consumer.on(consumer.events.END_BATCH_PROCESS, ({ payload }) => {
      if (payload.batchSize > 0) return;
      // kafkajs types the offset as a string; a batch of which nothing is left has none.
      const first: string | null = payload.firstOffset;
      feeds
        .get(keyOf(payload.topic, payload.partition))
        ?.skipped(Number(first ?? payload.lastOffset), Number(payload.lastOffset) + 1);
    }),
  ];

  const run = async () => {
    await consumer.connect();
    // Out of range must never mean "the end": what is skipped is lost.
    await consumer.subscribe({ topics: [...topics], fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: 8,
      eachBatch: async (payload) => {
        const { topic, partition } = payload.batch;
        await feeds.get(keyOf(topic, partition))?.offer(payload);
      },
    });
  };
  const running = run().catch((error: unknown) =>
    end({ reason: 'crash', detail: error instanceof Error ? error.message : String(error) }),
  );

  const flush = async () => {
    if (commits.size === 0 || !joined) return;
    const due = [...commits.values()];
    commits.clear();
    // Only the lag figure of other tools is at stake.
    await consumer.commitOffsets(due).catch(() => undefined);
  };
  const flusher = setInterval(() => void flush(), commitEveryMs);

  return {
    ended,
    joined: () => joined,
    feeds: () => [...feeds.values()],
    end,
    commit: (topic, partition, next) => void commits.set(keyOf(topic, partition), { topic, partition, offset: String(next) }),
    async close() {
      over = true;
      clearInterval(flusher);
      const patience = Promise.withResolvers<void>();
      const timer = setTimeout(patience.resolve, closeWithinMs);
      const leave = async () => {
        await flush();
        loseAll();
        await consumer.disconnect().catch(() => undefined);
        await running;
      };
      await Promise.race([leave(), patience.promise]);
      clearTimeout(timer);
      loseAll();
      for (const removeListener of listeners) removeListener();
    },
  };
}

function keyOf(topic: string, partition: number): string {
  return `${topic}:${partition}`;
}
