import type { EventLog, Listener } from '../log/log.ts';
import type { Logger } from '../operations/logger.ts';
import type { Metrics } from '../operations/metrics.ts';
import { createFeed, type Feed, type Tap } from './feed.ts';

/** How often the position of every connected member is compared with the log: the longest a lost doorbell can go unnoticed. */
const defaultSweepMs = 5_000;

/** Members asked for in one call of the sweep: some milliseconds of Redis, so that appends in between do not notice. */
const sweepBatch = 500;

/** One listener per member and process, whatever the number of its subscriptions; gone with the last of them. */
export interface Hub {
  /** Resolves once the member's doorbell is listened to: what is appended from then on is heard, or found by the sweep. */
  join(member: string, tap: Tap): Promise<Membership>;
  close(): void;
}

export interface Membership {
  readonly feed: Feed;
  leave(): void;
}

interface Room {
  readonly feed: Feed;
  readonly listening: Promise<Listener>;
}

export interface HubParts {
  readonly log: EventLog;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly sweepEveryMs?: number;
}

export function createHub({ log, metrics, logger, sweepEveryMs = defaultSweepMs }: HubParts): Hub {
  const rooms = new Map<string, Room>();
  let sweeping = false;
  let sweepAgain = false;

  const open = (member: string): Room => {
    const feed = createFeed();
    const listening = log.listen(member, (ring) => {
      feed.ring(ring);
      if (ring.kind === 'interrupted') sweepSoon();
    });
    const room = { feed, listening };
    rooms.set(member, room);
    metrics.listeners.set(rooms.size);
    return room;
  };

  const close = (member: string, room: Room) => {
    if (rooms.get(member) === room) rooms.delete(member);
    metrics.listeners.set(rooms.size);
    // A rejected listen has nothing to close, and its joiners have the error.
    room.listening.then(
      (listener) => listener.close(),
      () => undefined,
    );
  };

  const sweep = async () => {
    const members = [...rooms.keys()];
    // Here and not when a stream takes something: that would be a look at every stream of the member for every copy.
    for (const { feed } of rooms.values()) feed.release();
    for (let start = 0; start < members.length; start += sweepBatch) {
      const batch = members.slice(start, start + sweepBatch);
      const heads = await log.heads(batch);
      for (const [index, head] of heads.entries()) rooms.get(batch[index] ?? '')?.feed.learn(head, 'sweep');
    }
  };

  const sweepSoon = () => {
    sweepAgain = true;
    if (sweeping) return;
    sweeping = true;
    queueMicrotask(() => {
      void (async () => {
        while (sweepAgain) {
          sweepAgain = false;
          // The log's own health says that it cannot be reached; the next tick of the timer asks again.
          await sweep().catch((error: unknown) => logger.debug({ error }, 'sweep: the log did not answer'));
        }
        sweeping = false;
      })();
    });
  };
  const timer = setInterval(() => {
    if (rooms.size > 0) sweepSoon();
  }, sweepEveryMs);
  timer.unref();

  return {
    async join(member, tap) {
      const room = rooms.get(member) ?? open(member);
      room.feed.taps.add(tap);
      const leave = () => {
        if (room.feed.taps.delete(tap) && room.feed.taps.size === 0) close(member, room);
      };
      try {
        await room.listening;
      } catch (error) {
        leave();
        throw error;
      }
      return { feed: room.feed, leave };
    },
    close() {
      clearInterval(timer);
      for (const [member, room] of rooms) close(member, room);
    },
  };
}
