import type { Logger } from '../operations/logger.ts';
import type { RedisAddress } from '../redis-url.ts';
import { askOnce, createRedisConnection, type Redis, RedisRefused, type RedisServer } from './redis-connection.ts';
import { slotOf } from './redis-slot.ts';
import type { RedisTopology } from './redis-topology.ts';

/** How often the nodes are asked who has which slot though nothing suggests a change, ms. */
const calmMs = 10_000;
/** And at most, while something does: between two rounds, doubled up to a limit while nobody answers. */
const hurriedMs = 100;
const hurriedAtMostMs = 2_000;

interface View {
  /** Grows with every failover and every slot that changes hands. */
  readonly epoch: number;
  readonly healthy: boolean;
  readonly owners: ReadonlyMap<number, string>;
}

export interface ClusterParts {
  readonly address: Extract<RedisAddress, { kind: 'cluster' }>;
  readonly tlsCa: string | undefined;
  /** One key of every slot that the log uses: nodes that have none of them are left alone. */
  readonly keys: readonly string[];
  readonly log: Logger;
}

/**
 * Who has which slot of a Redis Cluster. Not ioredis's own Cluster: that sends again what may have been executed, sends to nodes nobody
 * has looked at, takes a pipeline for one node only, and does not tell which node answered, whose run_id the scripts want to know.
 */
export function createClusterTopology({ address, tlsCa, keys, log }: ClusterParts): RedisTopology {
  const slots = [...new Set(keys.map(slotOf))];
  const listeners = new Set<() => void>();
  let owners = new Map<number, string>();
  let newest = 0;
  let reason: string | null = 'the nodes of the Cluster have not answered yet';
  let refusal: RedisRefused | null = null;
  let moves = 0;
  let toldAt = 0;
  let state: 'waiting' | 'asking' | 'closed' = 'waiting';
  let doubted = false;
  let fruitless = 0;
  let asked: Promise<void> = Promise.resolve();
  let timer: NodeJS.Timeout | undefined;

  const serverAt = (at: string): RedisServer => {
    const colon = at.lastIndexOf(':'); // IPv6 addresses come without brackets
    const { tls, username, password } = address;
    return {
      kind: 'node',
      tls,
      ...(username === undefined ? {} : { username }),
      ...(password === undefined ? {} : { password }),
      host: at.slice(0, colon),
      port: Number(at.slice(colon + 1)),
    };
  };

  const take = (next: Map<number, string>) => {
    const changed = slots.filter((slot) => owners.get(slot) !== next.get(slot));
    if (changed.length === 0) return;
    if (owners.size > 0) moves += changed.length;
    owners = next;
    for (const listener of listeners) listener();
  };

  const judge = (view: View) => {
    newest = Math.max(newest, view.epoch);
    take(new Map(slots.flatMap((slot) => entry(slot, view.owners.get(slot)))));
    const missing = slots.filter((slot) => !owners.has(slot)).length;
    reason = missing === 0 ? null : `${missing} of ${slots.length} hash slots are served by no node of the Cluster`;
  };

  const ask = async () => {
    const seeds = address.nodes.map(({ host, port }) => `${host}:${port}`);
    let best: View | undefined;
    let failure = '';
    refusal = null;
    for (const node of new Set([...shuffled([...new Set(owners.values())]), ...shuffled(seeds)])) {
      if (isClosed()) return;
      try {
        const view = await askOnce(serverAt(node), tlsCa, (redis) => look(redis, node));
        // A primary that was cut off still believes in itself: what is older than what was seen before counts only if nobody knows better.
        if (best === undefined || isBetter(view, best)) best = view;
        if (view.healthy && view.epoch >= newest) break;
      } catch (error) {
        failure ||= error instanceof Error ? error.message : String(error);
        if (failure.includes('cluster support disabled')) {
          refusal = new RedisRefused(
            'This Redis is no node of a Cluster: set REDIS_URL to one address only, or to the nodes of a Cluster.',
          );
        }
      }
    }
    if (isClosed()) return;
    const before = reason;
    if (best === undefined) reason = refusal?.message ?? `no node of the Cluster can be asked: ${failure}`;
    else judge(best);
    fruitless = reason === null ? 0 : fruitless + 1;
    if (reason !== null && reason !== before) log.warn({ reason }, 'The Redis Cluster does not serve all of the log');
    // Slots that move one by one, or nodes that disagree for a while, are told of now and then and not each time.
    const worthTelling = before !== null || (moves > 0 && performance.now() - toldAt >= calmMs);
    if (reason !== null || !worthTelling) return;
    log.info({ nodes: new Set(owners.values()).size, movedSlots: moves }, 'The Redis Cluster serves the log');
    toldAt = performance.now();
    moves = 0;
  };

  const schedule = () => {
    if (state !== 'waiting') return;
    clearTimeout(timer);
    const hurried = Math.min(hurriedAtMostMs, hurriedMs * 2 ** Math.min(fruitless, 10)) * (0.5 + Math.random() / 2);
    timer = setTimeout(() => void round(), doubted || reason !== null ? hurried : calmMs);
    timer.unref();
  };
  const round = async () => {
    state = 'asking';
    doubted = false;
    asked = ask();
    await asked;
    if (isClosed()) return;
    state = 'waiting';
    schedule();
  };
  const doubt = () => {
    if (doubted) return;
    doubted = true;
    schedule();
  };
  // Beyond the narrowing of `state` across an await.
  function isClosed(): boolean {
    return state === 'closed';
  }
  void round();

  return {
    sharded: true,
    slotOf,
    ownerOf: (slot) => owners.get(slot),
    owners: () => [...new Set(owners.values())],
    connect: (at, parts) => createRedisConnection(serverAt(at), { ...parts, tlsCa }),
    moved(slot, at) {
      // Believed at once: the node that said it knows better than our last look, and the next look will tell.
      if (!isClosed() && slots.includes(slot)) take(new Map(owners).set(slot, at));
      doubt();
    },
    doubt,
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    failure: () => reason,
    refusal: () => refusal,
    async close() {
      state = 'closed';
      clearTimeout(timer);
      listeners.clear();
      await asked;
    },
  };
}

function isBetter(view: View, other: View): boolean {
  return view.healthy === other.healthy ? view.epoch > other.epoch : view.healthy;
}

function entry(slot: number, owner: string | undefined): [number, string][] {
  return owner === undefined ? [] : [[slot, owner]];
}

/** @throws Error when the server is no node of a Cluster, or answers something that cannot be */
async function look(redis: Redis, node: string): Promise<View> {
  const [info, ranges] = await Promise.all([redis.cluster('INFO'), redis.cluster('SLOTS')]);
  const owners = new Map<number, string>();
  for (const [from, to, primary] of ranges) {
    if (primary === undefined) continue;
    // Nodes that do not know their own name leave it out: then it is the one they were asked by.
    const host: string | null = primary[0];
    const name = host === null || host === '' || host === '?' ? node.slice(0, node.lastIndexOf(':')) : host;
    for (let slot = from; slot <= to; slot++) owners.set(slot, `${name}:${primary[1]}`);
  }
  return {
    epoch: Number(/^cluster_current_epoch:(\d+)/m.exec(info)?.[1] ?? 0),
    healthy: info.includes('cluster_state:ok'),
    owners,
  };
}

function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, at: Math.random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item);
}
