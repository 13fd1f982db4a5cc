import type { Redis } from './redis-connection.ts';
import type { RedisTopology } from './redis-topology.ts';

/** How many channels one SUBSCRIBE names: one command for all of them would block Redis for its whole length. */
export const subscribeSize = 500;

/**
 * How long channels are collected, ms. Longer than a turn of the event loop, because Node accepts one connection in each: a turn's own would
 * mostly be one channel.
 */
const collectMs = 3;

/** Channels that one command will name. */
interface Lot {
  readonly channels: Set<string>;
  readonly done: PromiseWithResolvers<void>;
}

/**
 * SUBSCRIBE and UNSUBSCRIBE over one connection, those of a few milliseconds together: when a crowd comes back, a command and a system call for
 * each member would be much of what a new subscription costs. Who waited together reads the log together, too.
 */
export class SubscribeBatch {
  readonly #redis: Redis;
  readonly #topology: Pick<RedisTopology, 'sharded' | 'slotOf'>;
  /** By slot: one command must not name channels of several. */
  readonly #joining = new Map<number, Lot>();
  readonly #leaving = new Map<number, Set<string>>();
  #timer: NodeJS.Timeout | undefined;

  constructor(redis: Redis, topology: Pick<RedisTopology, 'sharded' | 'slotOf'>) {
    this.#redis = redis;
    this.#topology = topology;
  }

  /** Rejects as the command does that named the channel. */
  subscribe(channel: string): Promise<void> {
    const slot = this.#topology.slotOf(channel);
    const lot = this.#joining.get(slot) ?? { channels: new Set(), done: Promise.withResolvers() };
    this.#joining.set(slot, lot);
    lot.channels.add(channel);
    this.#sendSoon(lot.channels);
    return lot.done.promise;
  }

  unsubscribe(channel: string): void {
    const slot = this.#topology.slotOf(channel);
    // The last word on a channel counts, and of one batch it is the SUBSCRIBE.
    if (this.#joining.get(slot)?.channels.has(channel) === true) this.flush();
    const channels = this.#leaving.get(slot) ?? new Set();
    this.#leaving.set(slot, channels);
    channels.add(channel);
    this.#sendSoon(channels);
  }

  /** Sends what is collected, now. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const [leaving, joining] = [[...this.#leaving.values()], [...this.#joining.values()]];
    this.#leaving.clear();
    this.#joining.clear();
    for (const channels of leaving) this.#leave(channels);
    for (const lot of joining) this.#join(lot);
  }

  #sendSoon({ size }: ReadonlySet<string>): void {
    if (size >= subscribeSize) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), collectMs);
  }

  #join({ channels, done }: Lot): void {
    const sent = this.#topology.sharded ? this.#redis.ssubscribe(...channels) : this.#redis.subscribe(...channels);
    sent.then(() => done.resolve(), done.reject);
  }

  #leave(channels: ReadonlySet<string>): void {
    const sent = this.#topology.sharded ? this.#redis.sunsubscribe(...channels) : this.#redis.unsubscribe(...channels);
    sent.catch(() => {}); // without a connection, or without the slot, there is no subscription either
  }
}
