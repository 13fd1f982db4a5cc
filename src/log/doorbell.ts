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
  close(): Promise<void>;
}

/** @param runIdAt the run_id of the server that the log at this address is written to; null while that is not known */
export function createDoorbell(topology: RedisTopology, log: Logger, runIdAt: (address: string) => string | null): Doorbell {
  /** Channels in use or being subscribed, with what tells each listener that rings may be missing. */
  const channels = new Map<string, Set<() => void>>();
  /** Channels whose SUBSCRIBE failed, until the listeners that waited for it are gone. */
  const failed = new Map<string, string>();

  const bells = createBells(topology, log, {
    channels: () => channels.keys(),
    runIdAt,
    onInterrupted(some) {
      for (const channel of some) for (const interrupt of channels.get(channel) ?? []) interrupt();
    },
  });

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

  const release = (channel: string, id: number, interrupt: () => void) => {
    const listeners = channels.get(channel);
    listeners?.delete(interrupt);
    if (listeners?.size === 0) channels.delete(channel);
    pubsub.unsubscribe(id);
    if (!channels.has(channel)) failed.delete(channel);
  };

  return {
    failure: () => bells.failure(),
    async listen(channel, onRing) {
      await bells.usable(channel);
      let open = false;
      const hand = (ring: Ring | null) => {
        if (!open || ring === null) return;
        try {
          onRing(ring);
        } catch (error) {
          // A throw would keep the ring from the listeners behind this one and end the process.
          log.error({ reason: error instanceof Error ? error.message : String(error) }, 'A listener of the doorbell threw');
        }
      };
      const interrupt = () => hand({ kind: 'interrupted' });

      const listeners = channels.get(channel);
      if (listeners === undefined) channels.set(channel, new Set([interrupt]));
      else listeners.add(interrupt);
      const id = await pubsub.subscribe<Ring | null>(channel, hand);
      const failure = failed.get(channel) ?? bells.failureAt(channel);
      if (failure !== null) {
        release(channel, id, interrupt);
        throw new LifelineError('UNAVAILABLE', undefined, { cause: new Error(failure) });
      }
      open = true;
      return {
        close() {
          if (!open) return;
          open = false;
          release(channel, id, interrupt);
        },
      };
    },
    async close() {
      channels.clear(); // nobody is told any more
      await bells.close();
    },
  };
}
