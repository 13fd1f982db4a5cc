import type { Feed } from './feed.ts';

/** A reader that waits this long for records that Kafka has, waits for a consumer that forgot the partition (kafkajs #1456, #1140). */
const stallMs = 15_000;
/** An open transaction looks the same, so the second suspicion at the same offset takes longer, and so on up to this. */
const longestMs = 10 * 60_000;

interface Suspicion {
  readonly from: number;
  readonly since: number;
  readonly patienceMs: number;
}

export interface StallWatch {
  /** Call about once a second. @returns which partition stands still, or null */
  check(
    feeds: readonly Pick<Feed, 'topic' | 'partition' | 'wanted'>[],
    high: (topic: string, partition: number) => number,
    now: number,
  ): string | null;
}

/** Sees partitions that are assigned, waited for and not fetched. */
export function createStallWatch(): StallWatch {
  const suspicions = new Map<string, Suspicion>();
  return {
    check(feeds, high, now) {
      for (const { topic, partition, wanted } of feeds) {
        const key = `${topic}:${partition}`;
        const known = suspicions.get(key);
        if (wanted === null) {
          // Busy: no hint either way, but the clock starts again.
          if (known !== undefined) suspicions.set(key, { ...known, since: now });
        } else if (high(topic, partition) <= wanted) {
          suspicions.delete(key);
        } else if (known?.from !== wanted) {
          suspicions.set(key, { from: wanted, since: now, patienceMs: stallMs });
        } else if (now - known.since > known.patienceMs) {
          suspicions.set(key, { from: wanted, since: now, patienceMs: Math.min(longestMs, known.patienceMs * 2) });
          return `${topic}/${partition} is waited for and not fetched`;
        }
      }
      return null;
    },
  };
}
