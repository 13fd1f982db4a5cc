/** Where the publisher's events go. */
import { Redis } from 'ioredis';

import type { SourceRecord, SourceWriter } from '../../src/log/log.ts';
import { createRedisLog } from '../../src/log/redis.ts';
import { createLogger } from '../../src/operations/logger.ts';
import type { Stamp } from '../servers/event.ts';
import { memberEvent } from '../servers/member-event.ts';
import { redisMessage, type RedisSource } from '../servers/publish.ts';

export interface Sink {
  /** Settles when Redis has them. @throws Error when it will not take them */
  send(stamps: readonly Stamp[]): Promise<void>;
  /** Closes what was sent and not acknowledged, where there is such a thing. */
  settle(): Promise<void>;
}

/** One PUBLISH an event, a call's events in one pipeline. */
export function channelSink(source: Exclude<RedisSource, 'redis-log'>, redisUrl: string): Sink {
  const redis = new Redis(redisUrl);
  return {
    async send(stamps) {
      const pipeline = redis.pipeline();
      for (const stamp of stamps) pipeline.publish(...redisMessage(source, stamp));
      for (const [error] of (await pipeline.exec()) ?? []) if (error !== null) throw error;
    },
    settle: () => Promise.resolve(),
  };
}

/** As many as a topic of some size has; each is a chain of appends, as the bridge's are. */
const partitions = 4;
const appendAtMost = 256;
const settledAtOnce = 256;

interface Waiting {
  readonly stamp: Stamp;
  readonly done: () => void;
  readonly failed: (error: unknown) => void;
}

/** The product's own writer, the way the bridge uses it: partitions side by side, in each of them what has come meanwhile at once. */
export async function logSink(redisUrl: string, hashTags: number | undefined): Promise<Sink> {
  const log = createRedisLog({ url: redisUrl, hashTags, logger: createLogger('warn') });
  await log.ready;
  const unsettled = new Map<string, string[]>();
  // Two publishers of one run must not take each other's appends for their own.
  const topic = `bench-${process.pid}`;

  const lane = async (partition: number) => {
    const writer: SourceWriter = log.source(topic, partition);
    const { next } = await writer.resume();
    if (next === null) await writer.begin(0);
    let offset = next ?? 0;
    const waiting: Waiting[] = [];
    let busy = false;

    const drain = async () => {
      busy = true;
      while (waiting.length > 0) {
        const some = waiting.splice(0, appendAtMost);
        const records: SourceRecord[] = some.map(({ stamp }, index) => ({
          offset: offset + index,
          event: memberEvent(stamp, offset + index, ''),
          refed: false,
        }));
        offset += records.length;
        try {
          const result = await writer.append(offset, records);
          if (result.status !== 'ok' || result.appended !== records.length) throw new Error(`append: ${JSON.stringify(result)}`);
        } catch (error) {
          for (const { failed } of [...some, ...waiting.splice(0)]) failed(error);
          break;
        }
        for (const { event } of records) {
          const ids = unsettled.get(event.member);
          if (ids === undefined) unsettled.set(event.member, [event.id]);
          else ids.push(event.id);
        }
        for (const { done } of some) done();
      }
      busy = false;
    };
    return (entry: Waiting) => {
      waiting.push(entry);
      if (!busy) void drain();
    };
  };
  const lanes = await Promise.all(Array.from({ length: partitions }, (_, partition) => lane(partition)));

  return {
    send: (stamps) =>
      new Promise((resolve, reject) => {
        let left = stamps.length;
        const done = () => {
          left -= 1;
          if (left === 0) resolve();
        };
        for (const stamp of stamps) lanes[partitionOf(stamp.member)]?.({ stamp, done, failed: reject });
      }),
    async settle() {
      const members = [...unsettled];
      unsettled.clear();
      for (let from = 0; from < members.length; from += settledAtOnce) {
        await Promise.all(members.slice(from, from + settledAtOnce).map(([member, ids]) => log.acknowledge(member, ids, null)));
      }
    },
  };
}

/** A member's events are in one partition, as Kafka's key sees to it. */
function partitionOf(member: string): number {
  let hash = 0;
  for (let index = 0; index < member.length; index++) hash = (hash * 31 + member.charCodeAt(index)) % 9973;
  return hash % partitions;
}
