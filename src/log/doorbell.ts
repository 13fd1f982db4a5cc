import { RedisPubSub } from 'graphql-redis-subscriptions';

import { LifelineError } from '../errors.ts';
import type { Logger } from '../operations/logger.ts';
import { createBells } from './doorbell-servers.ts';
import { parseRing } from './entry-text.ts';
import type { Listener, Ring } from './log.ts';
import type { Redis } from './redis-connection.ts';
import type { RedisTopology } from './redis-topology.ts';

/** Rings of channels, over connections of their own: on one shared with commands a flood of rings would delay answers. */
export interface Doorbell {
  /** Why rings may be missed now; null while they are not. */
  failure(): string | null;
  /** @throws LifelineError UNAVAILABLE */
  listen(channel: string, onRing: (ring: Ring) => void): Promise<Listener>;
  /**
   * Commands for this address reach another server than before. Rings may have told of that one's log already while reads answered from the
   * other: who compared the two has to look again.
   */
  doubt(address: string): void;
  close(): Promise<void>;
}

/** @param runIdAt the run_id of the server that the log at this address is written to; null while that is not known */
export function createDoorbell(topology: RedisTopology, log: Logger, runIdAt: (address: string) => string | null): Doorbell {
  /** Channels in use or being subscribed. The lists are replaced, never changed: who is told may leave meanwhile. */
  const channels = new Map<string, readonly ChannelListener[]>();
  /** Channels whose SUBSCRIBE failed, until the listeners that waited for it are gone. */
  const failed = new Map<string, string>();

  const interrupt = (some: Iterable<string>) => {
    for (const channel of some) for (const listener of channels.get(channel) ?? []) listener.hear({ kind: 'interrupted' });
  };
  const bells = createBells(topology, log, { channels: () => channels.keys(), runIdAt, onInterrupted: interrupt });

  /** Never rejects: what failed stands in `failed`. */
  const subscribe = async (channel: string) => {
    try {
      await bells.subscribe(channel);
      failed.delete(channel);
    } catch (error) {
      failed.set(channel, error instanceof Error ? error.message : String(error));
    }
  };

  /*
   * What graphql-redis-subscriptions sees of the connections. It lets the promises of UNSUBSCRIBE and PUNSUBSCRIBE float, and rejects one of
   * its own unhandled when a SUBSCRIBE fails (graphql-redis-subscriptions 2.7): so here neither ever fails. It is told that a failed
   * SUBSCRIBE succeeded, and `listen` takes it back. It knows nothing of sharded channels: it hears of them as if they were plain ones.
   */
  const subscriber = {
    on: (event: string, listener: (channel: string, message: string) => void) => {
      if (event === 'message') bells.onMessage(listener);
    },
    subscribe: (channel: string, answered: (error: null) => void) => {
      void subscribe(channel).then(() => answered(null));
    },
    unsubscribe: (channel: string) => bells.unsubscribe(channel),
    punsubscribe: () => {}, // no patterns here
  } as unknown as Redis; // the four methods the library calls, which its own typing does not tell
  const pubsub = new RedisPubSub({
    publisher: subscriber,
    subscriber,
    // Never throws: the library would hand over the raw message.
    deserializer: (message) => parseRing(message.toString()),
  });

  const owner: ListenerOwner = {
    release(listener, id) {
      const { channel } = listener;
      const left = channels.get(channel)?.filter((each) => each !== listener) ?? [];
      if (left.length > 0) channels.set(channel, left);
      else channels.delete(channel);
      pubsub.unsubscribe(id);
      if (left.length === 0) failed.delete(channel);
    },
    onError(error) {
      log.error({ reason: error instanceof Error ? error.message : String(error) }, 'A listener of the doorbell threw');
    },
  };

  return {
    failure: () => bells.failure(),
    async listen(channel, onRing) {
      await bells.usable(channel);
      const listener = new ChannelListener(channel, onRing, owner);
      channels.set(channel, (channels.get(channel) ?? []).concat(listener)); // not spread, which would leave room for 16 more
      const id = await pubsub.subscribe<Ring | null>(channel, (ring) => listener.hear(ring));
      const failure = failed.get(channel) ?? bells.failureAt(channel);
      if (failure !== null) {
        owner.release(listener, id);
        throw new LifelineError('UNAVAILABLE', undefined, { cause: new Error(failure) });
      }
      listener.open(id);
      return listener;
    },
    doubt(address) {
      interrupt(channels.keys().filter((channel) => topology.ownerOf(topology.slotOf(channel)) === address));
    },
    async close() {
      channels.clear(); // nobody is told any more
      await bells.close();
    },
  };
}

interface ListenerOwner {
  release(listener: ChannelListener, id: number): void;
  onError(error: unknown): void;
}

/** One listener of a channel. An object, and no closures around shared variables: every connected member has one. */
class ChannelListener implements Listener {
  readonly channel: string;
  readonly #onRing: (ring: Ring) => void;
  readonly #owner: ListenerOwner;
  /** Of the subscription, while it is open. */
  #id: number | undefined;

  constructor(channel: string, onRing: (ring: Ring) => void, owner: ListenerOwner) {
    this.channel = channel;
    this.#onRing = onRing;
    this.#owner = owner;
  }

  open(id: number): void {
    this.#id = id;
  }

  /** @param ring null for what was no ring */
  hear(ring: Ring | null): void {
    if (this.#id === undefined || ring === null) return;
    try {
      this.#onRing(ring);
    } catch (error) {
      // A throw would keep the ring from the listeners behind this one and end the process.
      this.#owner.onError(error);
    }
  }

  close(): void {
    const id = this.#id;
    this.#id = undefined;
    if (id !== undefined) this.#owner.release(this, id);
  }
}
