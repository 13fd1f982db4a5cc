import type { EventLog, Listener, Ring } from '../log/log.ts';
import type { Logger } from '../operations/logger.ts';
import type { Metrics } from '../operations/metrics.ts';
import { Feed, type Tap } from './feed.ts';

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
  /** Idempotent. */
  leave(tap: Tap): void;
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

  const close = (room: Room) => {
    if (rooms.get(room.member) === room) rooms.delete(room.member);
    metrics.listeners.set(rooms.size);
    // A rejected listen has nothing to close, and its joiners have the error.
    room.listening.then(
      (listener) => listener.close(),
      () => undefined,
    );
  };
  const owner: RoomOwner = {
    partOf: (member) => log.partOf(member),
    listen: (member, onRing) => log.listen(member, onRing),
    onInterrupted: () => sweepSoon(),
    close,
  };

  const open = (member: string): Room => {
    const room = new Room(member, owner);
    rooms.set(member, room);
    metrics.listeners.set(rooms.size);
    return room;
  };

  const ask = async (some: readonly Room[]) => {
    const heads = await log.heads(some.map(({ member }) => member));
    for (const [index, head] of heads.entries()) some[index]?.feed.learn(head, 'sweep'); // which nobody hears where the room was left meanwhile
  };
  const sweep = async () => {
    const all = [...Map.groupBy(rooms.values(), ({ part }) => part).values()].flat();
    // Here and not when a stream takes something: that would be a look at every stream of the member for every copy.
    for (const { feed } of all) feed.release();
    for (let start = 0; start < all.length; start += sweepBatch) {
      const batch = all.slice(start, start + sweepBatch);
      const failed = await ask(batch).then(
        () => false,
        () => true,
      );
      if (!failed) continue;
      // One server of several may be gone: that is no reason not to ask the others about their members.
      const parts = [...Map.groupBy(batch, ({ part }) => part).values()];
      for (const { status } of await Promise.allSettled(parts.map(ask))) {
        // The log's own health says that it cannot be reached; the next tick of the timer asks again.
        if (status === 'rejected') logger.debug({}, 'sweep: the log did not answer');
      }
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
          await sweep();
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
      room.feed.join(tap);
      try {
        await room.listening;
      } catch (error) {
        room.leave(tap);
        throw error;
      }
      return room;
    },
    close() {
      clearInterval(timer);
      for (const room of rooms.values()) close(room);
    },
  };
}

interface RoomOwner {
  partOf(member: string): number;
  listen(member: string, onRing: (ring: Ring) => void): Promise<Listener>;
  onInterrupted(): void;
  close(room: Room): void;
}

class Room implements Membership {
  readonly member: string;
  readonly part: number;
  readonly feed = new Feed();
  readonly listening: Promise<Listener>;
  readonly #owner: RoomOwner;

  constructor(member: string, owner: RoomOwner) {
    this.member = member;
    this.part = owner.partOf(member);
    this.#owner = owner;
    this.listening = owner.listen(member, (ring) => {
      this.feed.ring(ring);
      if (ring.kind === 'interrupted') owner.onInterrupted();
    });
  }

  leave(tap: Tap): void {
    if (this.feed.leave(tap)) this.#owner.close(this);
  }
}
