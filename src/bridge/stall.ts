import type { Feed } from './feed.ts';

/** A reader that waits this long for records that Kafka has, waits for a consumer that forgot the partition (kafkajs #1456, #1140). */
const stallMs = 15_000;
/** An open transaction looks the same, so the second suspicion at the same offset takes longer, and so on up to this. */
const longestMs = 10 * 60_000;

interface Suspicion {
  readonly from: number;
  readonly noticed: number;
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
  /** Which of these partitions has not moved for longer than `ms` although it should, with a sentence; or null. */
  standing(feeds: readonly Pick<Feed, 'topic' | 'partition'>[], ms: number, now: number): string | null;
}

/** Sees partitions that are assigned, waited for and not fetched. */
export function createStallWatch(): StallWatch {
  const suspicions = new Map<string, Suspicion>();
  return {
    check(feeds, high, now) {
      let stalled: string | null = null;
      for (const { topic, partition, wanted } of feeds) {
        const key = `${topic}:${partition}`;
        const known = suspicions.get(key);
        if (wanted === null) {
          // Busy: no hint either way, but the clock starts again.
          if (known !== undefined) suspicions.set(key, { ...known, since: now });
        } else if (high(topic, partition) <= wanted) {
          suspicions.delete(key);
        } else if (known?.from !== wanted) {
          suspicions.set(key, { from: wanted, noticed: now, since: now, patienceMs: stallMs });
        } else if (now - known.since > known.patienceMs) {
          suspicions.set(key, { ...known, patienceMs: Math.min(longestMs, known.patienceMs * 2) });
          stalled ??= `${topic}/${partition} is waited for and not fetched`;
        }
      }
      // The new consumer gets a chance with all of them, or partitions that stall together would take one consumer each.
      if (stalled !== null) for (const [key, known] of suspicions) suspicions.set(key, { ...known, since: now });
      return stalled;
    },
    standing(feeds, ms, now) {
      for (const { topic, partition } of feeds) {
        const known = suspicions.get(`${topic}:${partition}`);
        if (known !== undefined && now - known.noticed > ms)
          return `${topic}/${partition} does not get past offset ${known.from}, though Kafka has records there`;
      }
      return null;
    },
  };
}
