import { setTimeout as sleep } from 'node:timers/promises';

import type { Health } from '../log/log.ts';
import type { Logger } from '../operations/logger.ts';
import type { Offsets, TopicState } from './offsets.ts';
import type { OffsetRange } from './records.ts';

export interface TopicWatch {
  start(): void;
  /** A look under way ends with the connection it uses. */
  stop(): void;
  /** As of the last look that worked, about a second ago; null when the topic is missing or was never seen. */
  ranges(topic: string): ReadonlyMap<number, OffsetRange> | null;
  /** As of the same look; null also where Kafka does not tell. */
  id(topic: string): string | null;
  /** Whether Kafka answers and has these topics. */
  health(topics: readonly string[]): Health;
}

export interface TopicWatchOptions {
  readonly offsets: Offsets;
  readonly topics: readonly string[];
  readonly createTopics: boolean;
  readonly logger: Logger;
  /** After every look that worked. */
  readonly onLook: () => void;
}

const lookEveryMs = 1_000;

/** Looks at the topics for ever: are they there, and from where to where do they reach. */
export function createTopicWatch({ offsets, topics, createTopics, logger, onLook }: TopicWatchOptions): TopicWatch {
  const stopping = new AbortController();
  const seen = new Map<string, TopicState | null>();
  let started = false;
  let failures = 0;
  let trouble: string | undefined = 'Kafka has not answered yet.';
  let said: string | undefined;

  const missing = (among: readonly string[]) => among.filter((topic) => seen.get(topic) === null);

  const say = () => {
    const absent = missing(topics);
    const state = trouble ?? (absent.length > 0 ? `missing topics: ${absent.join(', ')}` : undefined);
    if (state === said) return;
    if (state === undefined) logger.info({}, 'kafka: reachable, all topics are there');
    else logger.warn({ reason: state }, 'kafka: not ready, trying again until it is');
    said = state;
  };

  const look = async () => {
    try {
      const found = await Promise.all(topics.map(async (topic) => [topic, await offsets.topic(topic)] as const));
      for (const [topic, state] of found) seen.set(topic, state);
      const absent = missing(topics);
      if (createTopics && absent.length > 0) {
        await offsets.create(absent);
        logger.info({ topics: absent }, 'kafka: created missing topics');
        return;
      }
      failures = 0;
      trouble = undefined;
      if (!stopping.signal.aborted) onLook();
    } catch (error) {
      failures++;
      trouble = `Kafka is not reachable: ${error instanceof Error ? error.message : String(error)}`;
    }
    if (!stopping.signal.aborted) say();
  };

  const watch = async () => {
    while (!stopping.signal.aborted) {
      await look();
      const pause = Math.min(10_000, lookEveryMs * 2 ** Math.max(0, failures - 3)) * (0.75 + Math.random() / 2);
      await sleep(pause, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  };

  return {
    start() {
      if (!started) void watch();
      started = true;
    },
    stop() {
      stopping.abort();
    },
    ranges: (topic) => seen.get(topic)?.ranges ?? null,
    id: (topic) => seen.get(topic)?.id ?? null,
    health(among) {
      if (trouble !== undefined) return { ok: false, reason: trouble };
      const absent = missing(among);
      return absent.length === 0 ? { ok: true } : { ok: false, reason: `Kafka has no topic ${absent.join(', ')}.` };
    },
  };
}
