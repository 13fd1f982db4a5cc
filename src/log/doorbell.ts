import { RedisPubSub } from 'graphql-redis-subscriptions';

import { LifelineError } from '../errors.ts';
import type { Logger } from '../operations/logger.ts';
import { parseRing } from './entry-text.ts';
import type { Listener, Ring } from './log.ts';
import { createRedisConnection, type Redis, type RedisConnection, type RedisEndpoint } from './redis-connection.ts';

/** How many channels one SUBSCRIBE names after a reconnect: one command for all of them would block Redis for its whole length. */
const subscribeSize = 500;

/** Rings of channels, over a connection of its own: on one shared with commands a flood of rings would delay answers. */
export interface Doorbell {
  readonly connection: RedisConnection;
  /** @throws LifelineError UNAVAILABLE */
  listen(channel: string, onRing: (ring: Ring) => void): Promise<Listener>;
  close(): Promise<void>;
}

export function createDoorbell(endpoint: RedisEndpoint, log: Logger): Doorbell {
  /** Channels in use or being subscribed, with how many listeners. */
  const channels = new Map<string, number>();
  /** Channels whose SUBSCRIBE failed, until the listeners that waited for it are gone. */
  const failed = new Map<string, string>();
  const interrupts = new Set<() => void>();

  const connection = createRedisConnection(endpoint, {
    log,
    watch: (redis) => redis.ping(),
    async prepare(redis) {
      // All sent before any is answered: an UNSUBSCRIBE that comes meanwhile stays behind them. Subscribed first, then told: a reader
      // that looks because it was told must not miss what happens between.
      const names = [...channels.keys()];
      const sent: Promise<unknown>[] = [];
      for (let start = 0; start < names.length; start += subscribeSize) {
        sent.push(redis.subscribe(...names.slice(start, start + subscribeSize)));
      }
      await Promise.all(sent);
      for (const interrupt of interrupts) interrupt();
    },
  });
  const { redis } = connection;

  /*
   * What graphql-redis-subscriptions sees of the connection. It lets the promises of UNSUBSCRIBE and PUNSUBSCRIBE float, and rejects one of
   * its own unhandled when a SUBSCRIBE fails (graphql-redis-subscriptions 2.7): so here neither ever fails. It is told that a failed
   * SUBSCRIBE succeeded, and `listen` takes it back.
   */
  const subscriber = {
    on: (event: string, listener: (...args: string[]) => void) => redis.on(event, listener),
    subscribe: (channel: string, done: (error: null) => void) => {
      redis
        .subscribe(channel)
        .then(
          () => failed.delete(channel),
          (error: unknown) => failed.set(channel, error instanceof Error ? error.message : String(error)),
        )
        .finally(() => done(null))
        .catch(() => {});
    },
    unsubscribe: (channel: string) => {
      redis.unsubscribe(channel).catch(() => {}); // without a connection there is no subscription either
    },
    punsubscribe: () => {}, // no patterns here
  } as unknown as Redis; // the four methods the library calls, which its own typing does not tell
  const pubsub = new RedisPubSub({
    publisher: subscriber,
    subscriber,
    // Never throws: the library would hand over the raw message.
    deserializer: (message) => parseRing(message.toString()),
  });

  const release = (channel: string, id: number) => {
    const left = (channels.get(channel) ?? 1) - 1;
    if (left > 0) channels.set(channel, left);
    else channels.delete(channel);
    pubsub.unsubscribe(id);
    if (left === 0) failed.delete(channel);
  };

  return {
    connection,
    async listen(channel, onRing) {
      await connection.usable();
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

      channels.set(channel, (channels.get(channel) ?? 0) + 1);
      const id = await pubsub.subscribe<Ring | null>(channel, hand);
      const failure = failed.get(channel);
      if (failure !== undefined || connection.failure() !== null) {
        release(channel, id);
        throw new LifelineError('UNAVAILABLE', undefined, { cause: new Error(failure ?? 'connection lost') });
      }
      open = true;
      interrupts.add(interrupt);
      return {
        close() {
          if (!open) return;
          open = false;
          interrupts.delete(interrupt);
          release(channel, id);
        },
      };
    },
    async close() {
      interrupts.clear();
      await connection.close();
    },
  };
}
