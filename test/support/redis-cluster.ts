import { slotOf } from '../../src/log/redis-slot.ts';
import { eventually } from './eventually.ts';
import { freePort } from './free-port.ts';
import { startRedis, type TestRedis } from './redis.ts';

export interface ClusterOptions {
  /** Default 3. */
  readonly primaries?: number;
  /** Primaries more, without any slots. Default 0. */
  readonly spares?: number;
  /** One replica for each primary. Default false. */
  readonly replicas?: boolean;
  /** After how many ms of silence a node counts as dead; failovers take two to three times as long. Default 1 000. */
  readonly nodeTimeoutMs?: number;
  readonly args?: readonly string[];
}

export interface ClusterNode {
  readonly redis: TestRedis;
  readonly id: string;
}

/** A real Redis Cluster on 127.0.0.1. */
export interface TestCluster {
  /** Names the first two primaries: the others have to be found. */
  readonly url: string;
  readonly primaries: readonly ClusterNode[];
  readonly spares: readonly ClusterNode[];
  /** `replicas[n]` follows `primaries[n]`; empty unless asked for. */
  readonly replicas: readonly ClusterNode[];
  /** The node that has the slot, as the nodes themselves see it. */
  ownerOf(slot: number): Promise<ClusterNode>;
  /** Moves one slot with its keys the way redis-cli does it, some keys at a time; `between` runs after each batch. Every node has to be alive. */
  moveSlot(slot: number, to: ClusterNode, options?: { batch?: number; between?: () => Promise<void> }): Promise<void>;
  stop(): Promise<void>;
}

const slotCount = 16_384;

export async function startRedisCluster({
  primaries: count = 3,
  spares: spareCount = 0,
  replicas: withReplicas = false,
  nodeTimeoutMs = 1_000,
  args = [],
}: ClusterOptions = {}): Promise<TestCluster> {
  const started: TestRedis[] = [];
  const stop = async () => {
    await Promise.all(started.map((redis) => redis.stop()));
  };
  const startNode = async (): Promise<ClusterNode & { busPort: number }> => {
    const busPort = await freePort(); // by default the port + 10 000, which may not be one
    const redis = await startRedis({
      own: true,
      args: [
        '--cluster-enabled',
        'yes',
        '--cluster-port',
        String(busPort),
        '--cluster-node-timeout',
        String(nodeTimeoutMs),
        '--cluster-replica-validity-factor',
        '0',
        '--repl-diskless-sync-delay',
        '0',
        ...args,
      ],
    });
    started.push(redis);
    return { redis, id: String(await redis.command('CLUSTER', 'MYID')), busPort };
  };

  try {
    const primaries = await Promise.all(Array.from({ length: count }, startNode));
    const replicas = await Promise.all(Array.from({ length: withReplicas ? count : 0 }, startNode));
    const spares = await Promise.all(Array.from({ length: spareCount }, startNode));
    const all = [...primaries, ...spares, ...replicas];
    for (const [index, { redis }] of primaries.entries()) {
      const bound = (at: number) => Math.floor((at * slotCount) / count);
      await redis.command('CLUSTER', 'ADDSLOTSRANGE', bound(index), bound(index + 1) - 1);
      await redis.command('CLUSTER', 'SET-CONFIG-EPOCH', index + 1);
    }
    const [first] = primaries;
    for (const { redis, busPort } of all.slice(1)) {
      await first?.redis.command('CLUSTER', 'MEET', '127.0.0.1', redis.port, busPort);
    }
    const sees = (nodes: readonly ClusterNode[], text: string) =>
      Promise.all(nodes.map(async ({ redis }) => String(await redis.command('CLUSTER', 'INFO')).includes(text)));
    await eventually(async () => (await sees(all, `cluster_known_nodes:${all.length}\r`)).every(Boolean), {
      what: 'all nodes to meet',
    });
    for (const [index, { redis }] of replicas.entries()) {
      await eventually(() => redis.command('CLUSTER', 'REPLICATE', primaries[index]?.id ?? ''), { what: 'the replica' });
    }
    await eventually(async () => (await sees(all, 'cluster_state:ok')).every(Boolean), { what: 'the cluster' });
    await Promise.all(
      replicas.map(async ({ redis: replica }, index) => {
        const primary = primaries[index]?.redis;
        const inRange = (slot: number) => Math.floor((slot * count) / slotCount) === index;
        for (let at = 0; ; at++) {
          const key = `replicated-${at}`;
          if (primary !== undefined && inRange(slotOf(key))) return replicated(primary, replica, key);
        }
      }),
    );

    /**
     * Whether all nodes see the same. A slot moved before they do can end in a Cluster that disagrees for good: a node that
     * has not heard of a newer epoch does not raise its own, and loses the slot to the claim that is still on its way.
     */
    const agree = async () => {
      const views = await Promise.all(
        all.map(async ({ redis }) => {
          const lines = String(await redis.command('CLUSTER', 'NODES'))
            .trim()
            .split('\n');
          // id, config epoch and slots; not what only one node knows, or what is on its way to others
          return lines
            .map((line) => line.split(' '))
            .map(([id, , , , , , epoch, , ...own]) => [id, epoch, ...own.filter((range) => !range.startsWith('['))].join(' '))
            .toSorted()
            .join('|');
        }),
      );
      return new Set(views).size === 1;
    };
    const ownerOf = async (slot: number): Promise<ClusterNode> => {
      for (const { redis } of all) {
        const ranges = await redis.command('CLUSTER', 'SLOTS').catch(() => null);
        if (!Array.isArray(ranges)) continue;
        const range = ranges.find(([from, to]: [number, number]) => from <= slot && slot <= to) as [
          number,
          number,
          [string, number],
        ]; // its shape
        const owner = all.find((node) => node.redis.port === range[2][1]);
        if (owner !== undefined) return owner;
      }
      throw new Error('No node has the slot.');
    };
    return {
      url: `redis://${primaries
        .slice(0, 2)
        .map(({ redis }) => `127.0.0.1:${redis.port}`)
        .join(',')}`,
      primaries,
      spares,
      replicas,
      ownerOf,
      async moveSlot(slot, to, { batch = 10, between = async () => {} } = {}) {
        const from = await ownerOf(slot);
        if (from.id === to.id) return;
        await to.redis.command('CLUSTER', 'SETSLOT', slot, 'IMPORTING', from.id);
        await from.redis.command('CLUSTER', 'SETSLOT', slot, 'MIGRATING', to.id);
        for (;;) {
          const keys = await from.redis.command('CLUSTER', 'GETKEYSINSLOT', slot, batch);
          if (!Array.isArray(keys) || keys.length === 0) break;
          await from.redis.command('MIGRATE', '127.0.0.1', to.redis.port, '', 0, 5_000, 'KEYS', ...keys.map(String));
          await between();
        }
        // The new owner first: the other way round nobody has it for a moment.
        const others = [...primaries, ...spares].filter((node) => node.id !== to.id && node.id !== from.id);
        for (const { redis } of [to, from, ...others]) {
          await redis.command('CLUSTER', 'SETSLOT', slot, 'NODE', to.id);
        }
        await eventually(agree, { what: 'the nodes to agree' });
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/**
 * Settles when what is written to the primary, which is empty, goes on to its replica at once. That the link is up is not enough: for up to
 * a second after that the primary keeps back what it writes, and a failover in this second would lose everything.
 */
export async function replicated(primary: TestRedis, replica: TestRedis, key = 'replicated'): Promise<void> {
  const what = 'replication';
  await eventually(async () => String(await replica.command('INFO', what)).includes('master_link_status:up'), { what });
  await primary.command('SET', key, 'yes');
  await eventually(async () => Number(await replica.command('DBSIZE')) === 1, { what });
  await primary.command('DEL', key);
  await eventually(async () => Number(await replica.command('DBSIZE')) === 0, { what });
}
