import { setTimeout as sleep } from 'node:timers/promises';

import type { Health } from '../log/log.ts';
import type { Logger } from '../operations/logger.ts';
import type { Metrics } from '../operations/metrics.ts';
import { recentRefusal } from './codecs.ts';
import { createDeadLetterTopic } from './dead-letter-topic.ts';
import type { DeadLetters } from './dead-letter.ts';
import type { Feed } from './feed.ts';
import { createClient, type ConnectionOptions } from './kafkajs.ts';
import { createOffsets } from './offsets.ts';
import type { PartitionReader, RecordSource } from './records.ts';
import { startSession, type Session } from './session.ts';
import { createStallWatch } from './stall.ts';
import { createTopicWatch } from './topics.ts';

export interface KafkaOptions extends ConnectionOptions {
  readonly groupId: string;
  readonly topics: readonly string[];
  readonly deadLetterTopic: string;
  /** Create what is missing, unreplicated: for development. */
  readonly createTopics: boolean;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

export interface KafkaConnection {
  readonly records: RecordSource;
  readonly deadLetters: DeadLetters;
  /** Of everything together: reachable, topics there, in the group. */
  health(): Health;
  /** After `records.stop()`. Settles within seconds. */
  close(): Promise<void>;
}

/** A member that died holds a group up for its session timeout, one that hangs for the rebalance timeout (session.ts): longer is a lost request. */
const joinWithinMs = 35_000;
/** Each new consumer makes the whole group start over, so one that keeps ending soon (a batch it cannot read) must come back ever slower. */
const soundAfterMs = 60_000;
/** No transaction that Kafka lets live by default is open for longer. */
const standsAfterMs = 60_000;
/** Where a batch could not be read there is nothing to wait for. */
const unreadableAfterMs = 3_000;

/** Kafka by kafkajs, rebuilt whenever the library gives up or stands still. */
export function createKafka(options: KafkaOptions): KafkaConnection {
  const { groupId, topics, deadLetterTopic, createTopics, logger, metrics } = options;
  const client = createClient(options, logger);
  const offsets = createOffsets(client, groupId);
  const watch = createTopicWatch({ offsets, topics: [...topics, deadLetterTopic], createTopics, logger, onLook: () => look() });
  const deadLetters = createDeadLetterTopic(client, deadLetterTopic, () => watch.health([deadLetterTopic]));
  const stallWatch = createStallWatch();

  const stopping = new AbortController();
  const { promise: stopped, resolve: stop } = Promise.withResolvers<null>();
  let session: Session | undefined;
  let supervising: Promise<void> | undefined;
  /** The newest id of each topic, also of those that are gone at the moment. */
  const lives = new Map<string, string>();
  /** What the session was started with. */
  let consumed = '';
  let startedAt = 0;
  let trouble: string | undefined = 'not in the consumer group yet';

  const present = () => topics.filter((topic) => watch.ranges(topic) !== null);

  const sourceOf = (topic: string, id: string | null) => (id === null ? topic : `${topic}@${id}`);

  const shapeOf = (among: readonly string[]) =>
    among.map((topic) => `${sourceOf(topic, watch.id(topic))} × ${watch.ranges(topic)?.size ?? 0}`).join(', ');

  const tellOfNewLives = () => {
    for (const topic of topics) {
      const [id, before] = [watch.id(topic), lives.get(topic)];
      if (id === null || id === before) continue;
      lives.set(topic, id);
      if (before === undefined) continue;
      logger.error({ topic }, 'kafka: the topic was deleted and created again, so the log begins it anew');
      metrics.partitionRestarts.inc(watch.ranges(topic)?.size ?? 0);
    }
  };

  /** After every look at the topics, about once a second. */
  const look = () => {
    tellOfNewLives();
    if (session === undefined) return;
    const shape = shapeOf(present());
    if (shape !== consumed) session.end({ reason: 'topics', detail: `topics and partitions are now: ${shape}` });
    if (session.joined()) {
      trouble = undefined;
      const stalled = stallWatch.check(
        session.feeds(),
        (topic, partition) => watch.ranges(topic)?.get(partition)?.high ?? 0,
        performance.now(),
      );
      if (stalled !== null) session.end({ reason: 'stall', detail: [stalled, recentRefusal() ?? []].flat().join(': ') });
    } else if (performance.now() - startedAt > joinWithinMs) {
      session.end({ reason: 'not-joined', detail: `not in the group after ${joinWithinMs / 1_000} s` });
    }
  };

  const readerOf = (feed: Feed, id: string | null, current: () => Session | undefined): PartitionReader => {
    const { topic, partition } = feed;
    const missing = () => new Error(`Kafka has no partition ${topic}/${partition}.`);
    return {
      topic,
      source: sourceOf(topic, id),
      partition,
      lost: feed.lost,
      read: (from, waitMs) => feed.read(from, waitMs),
      async range() {
        const state = await offsets.topic(topic);
        const range = state?.ranges.get(partition);
        if (state === null || range === undefined) throw missing();
        if (state.id !== id) throw new Error(`Topic ${topic} was deleted and created again.`);
        return range;
      },
      lastRange: () => watch.ranges(topic)?.get(partition) ?? null,
      async offsetAt(timestamp) {
        const offset = (await offsets.at(topic, timestamp)).get(partition);
        if (offset === undefined) throw missing();
        return offset;
      },
      committed: async () => (await offsets.committed(topic)).get(partition) ?? null,
      commit: (next) => {
        if (!feed.lost.aborted) current()?.commit(topic, partition, next);
      },
    };
  };

  const supervise = async (onAssigned: (partition: PartitionReader) => void) => {
    let failures = 0;
    while (!stopping.signal.aborted) {
      const found = present();
      if (found.length === 0) {
        await sleep(200, undefined, { signal: stopping.signal }).catch(() => undefined);
        continue;
      }
      startedAt = performance.now();
      consumed = shapeOf(found);
      const ids = new Map(found.map((topic) => [topic, watch.id(topic)]));
      const started = startSession({
        client,
        groupId,
        topics: found,
        onAssigned: (feed) => onAssigned(readerOf(feed, ids.get(feed.topic) ?? null, () => session)),
      });
      session = started;
      const end = await Promise.race([started.ended, stopped]);
      if (started.joined() && performance.now() - startedAt > soundAfterMs) failures = 0;
      session = undefined;
      await started.close();
      if (end === null) return;
      metrics.consumerRebuilds.inc({ reason: end.reason });
      const reason = `consumer ended (${end.reason}): ${end.detail}`;
      if (reason !== trouble) logger.warn({ reason: end.reason, detail: end.detail }, 'kafka: consumer ended, building a new one');
      trouble = reason;
      const pause = Math.min(10_000, 100 * 2 ** failures++) * (0.5 + Math.random() / 2);
      await sleep(pause, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  };

  const health = (checked: readonly string[]): Health => {
    const topicsHealth = watch.health(checked);
    if (!topicsHealth.ok) return topicsHealth;
    if (session?.joined() !== true && trouble !== undefined) return { ok: false, reason: trouble };
    const refusal = recentRefusal();
    const standing = stallWatch.standing(
      session?.feeds() ?? [],
      refusal === undefined ? standsAfterMs : unreadableAfterMs,
      performance.now(),
    );
    if (standing === null) return { ok: true };
    return { ok: false, reason: refusal === undefined ? standing : `${standing}: ${refusal}` };
  };

  return {
    records: {
      start(onAssigned) {
        if (supervising !== undefined) return;
        watch.start();
        supervising = supervise(onAssigned);
      },
      async stop() {
        stopping.abort();
        stop(null);
        await supervising;
        watch.stop();
      },
      health: () => health(topics),
    },
    deadLetters,
    health: () => health([...topics, deadLetterTopic]),
    async close() {
      watch.stop();
      const closing = Promise.all([deadLetters.close(), offsets.close()]);
      await Promise.race([closing, sleep(1_000, undefined, { ref: false })]);
    },
  };
}
