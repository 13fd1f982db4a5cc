import { eventually } from '../../support/eventually.ts';
import { type ClusterOptions, replicated, startRedisCluster, type TestCluster } from '../../support/redis-cluster.ts';
import { startRedisSentinel, type TestSentinels } from '../../support/redis-sentinel.ts';
import { type RedisOptions, startRedis, type TestRedis } from '../../support/redis.ts';
import { type Proxy, startProxy } from './proxy.ts';

/**
 * `single`: one server. `pair`: a primary and its replica; each process's link is led to one of them, as by a virtual address. `sentinel`: the
 * two, found by three Sentinels. `cluster`: three primaries, a replica each. Sentinels and Clusters name the servers themselves, so processes
 * speak to these directly, without a proxy: there it is the servers that are broken.
 */
export type RedisShape =
  | ({ readonly shape?: 'single' } & RedisOptions)
  | { readonly shape: 'pair' }
  | { readonly shape: 'sentinel' }
  | ({ readonly shape: 'cluster' } & ClusterOptions);

/** The Redis of a fleet. Asking for a shape that it does not have throws. */
export interface FleetRedis {
  /** The one server, the primary at first, or the first node of a Cluster. */
  readonly redis: TestRedis;
  readonly pair: Pair;
  readonly sentinels: TestSentinels;
  readonly cluster: TestCluster;
  /** For one process, which stops its proxy in the end. */
  link(): Promise<{ readonly url: string; readonly proxy: Proxy | null }>;
  /** How many channels somebody listens to, on all servers that answer. */
  channels(): Promise<number>;
  stop(): Promise<void>;
}

/** Two servers, `b` a replica of `a` at first. */
export interface Pair {
  readonly a: TestRedis;
  readonly b: TestRedis;
  /** From the replica to its primary, whichever they are. While it is a blackhole the replica stands still, and nobody is told. */
  readonly replication: Proxy;
  /** Settles when the replica has what the primary had when it was asked; `a` is the primary. */
  copied(): Promise<void>;
  /** It keeps what it has and takes writes. Nobody is led to it by this. */
  promote(server: TestRedis): Promise<void>;
  /** It follows the other one, and what only it has is gone. Settles when it has all that the other has. */
  demote(server: TestRedis): Promise<void>;
  stop(): Promise<void>;
}

export async function startRedisFleet(options: RedisShape): Promise<FleetRedis> {
  if (options.shape === 'pair') {
    const pair = await startPair();
    return describe({ redis: pair.a, pair, servers: [pair.a, pair.b], link: () => linkTo(pair.a), stop: () => pair.stop() });
  }
  if (options.shape === 'sentinel') {
    const sentinels = await startRedisSentinel();
    const { servers, url } = sentinels;
    return describe({
      redis: servers[0],
      sentinels,
      servers,
      link: async () => ({ url, proxy: null }),
      stop: () => sentinels.stop(),
    });
  }
  if (options.shape === 'cluster') {
    const cluster = await startRedisCluster({ replicas: true, ...options });
    const { url, primaries, replicas, spares } = cluster;
    const servers = [...primaries, ...replicas, ...spares].map(({ redis }) => redis);
    const [redis] = servers;
    if (redis === undefined) throw new Error('A Cluster has nodes.');
    return describe({ redis, cluster, servers, link: async () => ({ url, proxy: null }), stop: () => cluster.stop() });
  }
  const redis = await startRedis(options);
  return describe({ redis, servers: [redis], link: () => linkTo(redis), stop: () => redis.stop() });
}

interface Parts extends Pick<FleetRedis, 'redis' | 'link' | 'stop'>, Partial<Pick<FleetRedis, 'pair' | 'sentinels' | 'cluster'>> {
  readonly servers: readonly TestRedis[];
}

function describe({ redis, servers, link, stop, pair, sentinels, cluster }: Parts): FleetRedis {
  const asked = <T>(it: T | undefined, shape: string): T => {
    if (it === undefined) throw new Error(`This fleet has no such Redis: give it { redis: { shape: '${shape}' } }.`);
    return it;
  };
  const sharded = cluster !== undefined;
  return {
    redis,
    link,
    stop,
    get pair() {
      return asked(pair, 'pair');
    },
    get sentinels() {
      return asked(sentinels, 'sentinel');
    },
    get cluster() {
      return asked(cluster, 'cluster');
    },
    async channels() {
      const counts = servers.map(async (server) => {
        if (!server.alive) return 0;
        const names = await server.command('PUBSUB', sharded ? 'SHARDCHANNELS' : 'CHANNELS', '*');
        // The Sentinels' own, on the servers that they watch.
        return Array.isArray(names) ? names.filter((name) => name !== '__sentinel__:hello').length : 0;
      });
      return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
    },
  };
}

async function linkTo({ port }: TestRedis) {
  const proxy = await startProxy(port, { redis: true });
  return { url: `redis://127.0.0.1:${proxy.port}`, proxy };
}

async function startPair(): Promise<Pair> {
  const args = ['--repl-diskless-sync-delay', '0'];
  const a = await startRedis({ own: true, args });
  const replication = await startProxy(a.port);
  const b = await startRedis({ own: true, args: [...args, '--replicaof', '127.0.0.1', String(replication.port)] });
  await replicated(a, b);
  return {
    a,
    b,
    replication,
    async copied() {
      const reached = async (server: TestRedis) =>
        Number(/master_repl_offset:(\d+)/.exec(String(await server.command('INFO', 'replication')))?.[1]);
      const goal = await reached(a);
      await eventually(async () => (await reached(b)) >= goal, { what: 'the replica to have everything' });
    },
    async promote(server) {
      await server.command('REPLICAOF', 'NO', 'ONE');
    },
    async demote(server) {
      const primary = server === a ? b : a;
      replication.retarget(primary.port);
      replication.set({ do: 'pass' });
      await server.command('REPLICAOF', '127.0.0.1', replication.port);
      const link = async () => String(await server.command('INFO', 'replication'));
      await eventually(async () => (await link()).includes('master_link_status:up'), { what: 'the replica to have everything' });
    },
    async stop() {
      await Promise.all([a.stop(), b.stop()]);
      await replication.stop();
    },
  };
}
