import {
  createRedisConnection,
  type Redis,
  type RedisConnection,
  type RedisConnectionParts,
  type RedisRefused,
  type RedisServer,
} from './redis-connection.ts';
import { watchSentinels } from './sentinel-watch.ts';

/** Which servers hold the log, and which of them has what. */
export interface RedisTopology {
  /** Whether keys are spread over several servers: pub/sub is sharded then, and commands may be answered by where else to go. */
  readonly sharded: boolean;
  /** Keys of one slot are always on one server. */
  slotOf(key: string): number;
  /** The server that has the slot, as far as is known; undefined while nobody is known to have it. */
  ownerOf(slot: number): string | undefined;
  /** All servers that have something of the log; empty while nothing is known. */
  owners(): readonly string[];
  connect(address: string, parts: Omit<RedisConnectionParts, 'tlsCa'>): RedisConnection;
  /** A server said that the slot is at `address` now. */
  moved(slot: number, address: string): void;
  /** Something suggests that what is known is out of date: it is looked up soon. */
  doubt(): void;
  /** Called after every change. @returns what ends it */
  onChange(listener: () => void): () => void;
  /** Why it is not known who has what; null while it is. */
  failure(): string | null;
  /** Why waiting will not mend that, where it will not. */
  refusal(): RedisRefused | null;
  close(): Promise<void>;
}

/** One server, or whatever primary the Sentinels name: it has everything, and who it is is the connection's business. */
export function createSingleTopology(server: RedisServer, tlsCa: string | undefined): RedisTopology {
  const connections = new Set<RedisConnection>();
  const switches =
    server.kind === 'sentinel' ? watchSentinels(server, tlsCa, () => connections.forEach(({ redis }) => check(redis))) : null;
  const check = (redis: Redis) => {
    if (redis.status === 'ready' && switches?.replaced(redis)) redis.disconnect(true);
  };
  return {
    sharded: false,
    slotOf: () => 0,
    ownerOf: () => 'redis',
    owners: () => ['redis'],
    connect(_address, parts) {
      const connection = createRedisConnection(server, { ...parts, tlsCa });
      connections.add(connection); // for as long as the topology
      // The Sentinel that was asked may have been the last one to hear of it.
      connection.redis.on('ready', () => check(connection.redis));
      return connection;
    },
    moved: () => {},
    doubt: () => {},
    onChange: () => () => {},
    failure: () => null,
    refusal: () => null,
    close: async () => switches?.close(),
  };
}
