import { LifelineError } from '../errors.ts';
import type { Logger } from '../operations/logger.ts';
import { SubscribeBatch, subscribeSize } from './doorbell-batch.ts';
import type { Redis, RedisConnection } from './redis-connection.ts';
import { runIdOf } from './redis-server.ts';
import type { RedisTopology } from './redis-topology.ts';

/** How often channels of slots that changed hands are subscribed until it works, ms. */
const retryMs = 100;
/** How often a new subscription follows servers that point elsewhere. */
const followAtMost = 5;

/** The subscriptions of one process, each on the server that has the channel's slot, wherever that goes. */
export interface Bells {
  failure(): string | null;
  failureAt(channel: string): string | null;
  /** @throws LifelineError UNAVAILABLE */
  usable(channel: string): Promise<void>;
  subscribe(channel: string): Promise<void>;
  unsubscribe(channel: string): void;
  onMessage(listener: (channel: string, message: string) => void): void;
  close(): Promise<void>;
}

export interface BellsParts {
  /** What has to be subscribed on a new connection. */
  readonly channels: () => Iterable<string>;
  /** The run_id of the server that rings channels of this address; null while that is not known. */
  readonly runIdAt: (address: string) => string | null;
  /** Messages of these channels may be missing; they are subscribed again. */
  readonly onInterrupted: (channels: readonly string[]) => void;
}

interface Connected {
  readonly address: string;
  readonly connection: RedisConnection;
  readonly batch: SubscribeBatch;
}

export function createBells(topology: RedisTopology, log: Logger, { channels, runIdAt, onInterrupted }: BellsParts): Bells {
  const connections = new Map<string, Connected>();
  const closing = new Set<Promise<void>>();
  /** Per slot, the server on which its channels are subscribed. */
  const homes = new Map<number, string>();
  /** Slots whose channels have to be subscribed (again). */
  const astray = new Set<number>();
  let hear: (channel: string, message: string) => void = () => {};
  let healing: NodeJS.Timeout | 'now' | undefined;
  let astrayReason: string | null = null;
  let closed = false;

  const subscribeOn = (redis: Redis, names: readonly string[]) =>
    topology.sharded ? redis.ssubscribe(...names) : redis.subscribe(...names);
  const channelsBySlot = () => Map.groupBy(channels(), (channel) => topology.slotOf(channel));

  /** Subscribes the channels of slots, all sent before any is answered: an UNSUBSCRIBE that comes meanwhile stays behind them. */
  const settle = (address: string, redis: Redis, slots: ReadonlyMap<number, readonly string[]>) => {
    connections.get(address)?.batch.flush(); // an UNSUBSCRIBE of before stays before them, too
    return Promise.all(
      [...slots].map(async ([slot, names]) => {
        const sent: Promise<unknown>[] = [];
        for (let start = 0; start < names.length; start += subscribeSize) {
          sent.push(subscribeOn(redis, names.slice(start, start + subscribeSize)));
        }
        const failed = (await Promise.allSettled(sent)).find((result) => result.status === 'rejected');
        if (failed === undefined) {
          homes.set(slot, address);
          return { slot, error: null };
        }
        const error = failed.reason instanceof Error ? failed.reason : new Error(String(failed.reason));
        follow(slot, error);
        return { slot, error };
      }),
    );
  };
  /** @returns whether a server said where else to go */
  const follow = (slot: number, { message }: Error): boolean => {
    const [word, , where = ''] = message.split(' ');
    if (!topology.sharded || word !== 'MOVED') return false;
    astray.add(slot);
    if (where.startsWith(':') || where.startsWith('?')) topology.doubt();
    else topology.moved(slot, where);
    return true;
  };

  const connect = (address: string): Connected => {
    let runId = '';
    const connection = topology.connect(address, {
      log,
      node: topology.sharded ? address : undefined,
      async watch(redis) {
        await redis.ping();
        // Where a name or a virtual address leads to another primary now, connections to the one before it stay: it answers for ever, and
        // nobody rings there any more.
        const ringing = runIdAt(address);
        if (ringing !== null && ringing !== runId) redis.disconnect(true);
      },
      async prepare(redis) {
        runId = await runIdOf(redis);
        const own = new Map([...channelsBySlot()].filter(([slot]) => topology.ownerOf(slot) === address));
        const settled = await settle(address, redis, own);
        const failure = settled.find(({ slot, error }) => error !== null && !astray.has(slot));
        if (failure?.error) throw failure.error;
        // Subscribed first, then told: a reader that looks because it was told must not miss what happens between.
        for (const { slot, error } of settled) {
          if (error !== null) continue;
          astray.delete(slot);
          onInterrupted(own.get(slot) ?? []);
        }
      },
    });
    connection.redis.on(topology.sharded ? 'smessage' : 'message', (channel: string, message: string) => hear(channel, message));
    // A server that gives a slot away ends its subscriptions, and says so without being asked; ioredis does not tell of which channel.
    connection.redis.on('moved', () => {
      for (const slot of channelsBySlot().keys()) if ((homes.get(slot) ?? topology.ownerOf(slot)) === address) astray.add(slot);
      topology.doubt();
      heal();
    });
    return { address, connection, batch: new SubscribeBatch(connection.redis, topology) };
  };

  const adjust = () => {
    const owners = new Set(topology.owners());
    for (const address of owners) if (!connections.has(address)) connections.set(address, connect(address));
    for (const [address, { connection }] of connections) {
      if (owners.has(address)) continue;
      connections.delete(address);
      const gone = connection.close().finally(() => closing.delete(gone));
      closing.add(gone);
    }
    for (const slot of channelsBySlot().keys()) if (homes.get(slot) !== topology.ownerOf(slot)) astray.add(slot);
    heal();
  };

  const healOnce = async () => {
    astrayReason = null;
    const bySlot = channelsBySlot();
    const byOwner = Map.groupBy(astray, (slot) => topology.ownerOf(slot));
    for (const slot of astray) if (!bySlot.has(slot)) astray.delete(slot);
    await Promise.all(
      [...byOwner].map(async ([address, slots]) => {
        const connection = address === undefined ? undefined : connections.get(address)?.connection;
        // A connection that is not up subscribes all of its channels before it is.
        if (address === undefined || connection === undefined || connection.failure() !== null) return;
        const own = new Map(slots.flatMap((slot) => (bySlot.has(slot) ? [[slot, bySlot.get(slot) ?? []] as const] : [])));
        const before = new Map(homes);
        for (const slot of own.keys()) astray.delete(slot);
        for (const { slot, error } of await settle(address, connection.redis, own)) {
          if (error !== null) {
            astray.add(slot);
            astrayReason = error.message;
          } else if (before.get(slot) !== address) onInterrupted(own.get(slot) ?? []);
        }
      }),
    );
  };
  const heal = () => {
    if (closed || healing !== undefined || astray.size === 0) return;
    // Not at once: slots seldom move alone.
    healing = setTimeout(() => {
      healing = 'now';
      void healOnce().finally(() => {
        healing = undefined;
        heal();
      });
    }, retryMs);
    healing.unref();
  };

  const ended = topology.onChange(adjust);
  adjust();

  const connectionOf = (channel: string) => {
    const address = topology.ownerOf(topology.slotOf(channel));
    return address === undefined ? undefined : connections.get(address);
  };
  const failureAt = (channel: string) => {
    const connected = connectionOf(channel);
    return connected === undefined ? (topology.failure() ?? 'no server has this channel') : connected.connection.failure();
  };

  return {
    failureAt,
    failure() {
      const failing = [...connections.values()].map(({ connection }) => connection.failure()).find((failure) => failure !== null);
      return failing ?? (astrayReason === null ? topology.failure() : `Redis does not let us listen: ${astrayReason}`);
    },
    async usable(channel) {
      const connected = connectionOf(channel);
      if (connected === undefined)
        throw new LifelineError('UNAVAILABLE', undefined, { cause: new Error(failureAt(channel) ?? '') });
      await connected.connection.usable();
    },
    async subscribe(channel) {
      const slot = topology.slotOf(channel);
      for (let attempt = 1; ; attempt++) {
        const connected = connectionOf(channel);
        if (connected === undefined) throw new LifelineError('UNAVAILABLE');
        const { address, connection, batch } = connected;
        await connection.usable();
        try {
          await batch.subscribe(channel);
          if (!homes.has(slot)) homes.set(slot, address);
          // The slot moved while this was under way: its other channels are where it was.
          else if (homes.get(slot) !== address) astray.add(slot);
          heal();
          return;
        } catch (error) {
          if (attempt >= followAtMost || !(error instanceof Error) || !follow(slot, error)) throw error;
        }
      }
    },
    unsubscribe(channel) {
      const slot = topology.slotOf(channel);
      for (const address of new Set([homes.get(slot), topology.ownerOf(slot)])) {
        if (address !== undefined) connections.get(address)?.batch.unsubscribe(channel);
      }
    },
    onMessage(listener) {
      hear = listener;
    },
    async close() {
      closed = true;
      ended();
      if (typeof healing === 'object') clearTimeout(healing);
      for (const { batch } of connections.values()) batch.flush();
      await Promise.all([...[...connections.values()].map(({ connection }) => connection.close()), ...closing]);
    },
  };
}
