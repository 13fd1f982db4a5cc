import { LifelineError } from '../errors.ts';
import type { Logger } from '../operations/logger.ts';
import { type Redis, type RedisConnection, RedisRefused } from './redis-connection.ts';
import type { RedisTopology } from './redis-topology.ts';

/** How long a call waits for a server that is not known yet, ms. */
const patienceMs = 1_000;
/** How often a Cluster with a dead node is asked who took over, ms. */
const impatienceMs = 500;
/** How long a connection is kept that only led to where a slot was moving, ms. */
const errandMs = 30_000;

/** A server that commands go to. */
export interface RedisNode {
  readonly address: string;
  readonly redis: Redis;
  /** Who it is, as found on the connection as it is now. */
  runId(): string;
}

/** Where a server that does not have the keys said they are. */
export interface Redirection {
  readonly node: RedisNode;
  /** Only this once, and only for who says ASKING: the slot is on its way there. */
  readonly asking: boolean;
}

/** The connections for commands, one per server that has something of the log. */
export interface RedisNodes {
  readonly ready: Promise<void>;
  failure(): string | null;
  slotOf(key: string): number;
  /** The run_id of the server that commands for this address go to; null while that is not known. */
  runIdAt(address: string): string | null;
  /** The server that has the slot, up and inspected. @throws LifelineError UNAVAILABLE after at most some two seconds */
  owner(slot: number): Promise<RedisNode>;
  /** Where to send again what was answered with `error`; null when that is the answer. Waits where waiting helps. */
  redirect(slot: number, from: RedisNode, error: Error, attempt: number): Promise<Redirection | null>;
  close(): Promise<void>;
}

export interface RedisNodesParts {
  readonly topology: RedisTopology;
  /** A key whose server has to be found in order before any other is used: it holds what describes the whole log. */
  readonly first: string;
  /** Looks at a server behind a new connection, and again and again. @returns its run_id */
  readonly inspect: (redis: Redis) => Promise<string>;
  /** Looks at that key, on the server that has it. */
  readonly inspectFirst: (redis: Redis) => Promise<void>;
  /** After the inspection of a new connection. */
  readonly prepare: (redis: Redis) => Promise<void>;
  /** Another server answers at this address than before: what is read from now on is of another log, or of the same one as it is there. */
  readonly onOtherServer: (address: string) => void;
  readonly log: Logger;
}

interface Connected extends RedisNode {
  readonly connection: RedisConnection;
  usedAt: number;
}

export function createRedisNodes(parts: RedisNodesParts): RedisNodes {
  const { topology, first, inspect, inspectFirst, prepare, onOtherServer, log } = parts;
  const nodes = new Map<string, Connected>();
  const closing = new Set<Promise<void>>();
  const firstSlot = topology.slotOf(first);
  const ready = Promise.withResolvers<void>();
  ready.promise.catch(() => {}); // nobody has to wait for it
  const known = createGate();
  const firstSeen = createGate();
  let closed = false;

  const examineFirst = async (redis: Redis) => {
    try {
      await inspectFirst(redis);
      firstSeen.open();
      settleReady();
    } catch (error) {
      // Nothing may be used while what describes the log says that it is another one's.
      if (error instanceof RedisRefused) firstSeen.shut();
      // The key has another server now, or will have in a moment: that is no fault of this one.
      if (!(error instanceof Error && isRedirection(error))) throw error;
      topology.doubt();
    }
  };
  const connect = (address: string): Connected => {
    let runId = '';
    const examine = async (redis: Redis) => {
      const before = runId;
      runId = await inspect(redis);
      if (before !== '' && runId !== before) onOtherServer(address);
      if (topology.ownerOf(firstSlot) === address) await examineFirst(redis);
    };
    const connection = topology.connect(address, {
      log,
      node: topology.sharded ? address : undefined,
      options: { enableAutoPipelining: true },
      // Again and again: a primary may be demoted, reconfigured or (behind a proxy) replaced under a connection that stays.
      watch: examine,
      async prepare(redis) {
        await examine(redis);
        await prepare(redis);
      },
    });
    connection.ready.then(settleReady, ready.reject);
    return { address, connection, redis: connection.redis, runId: () => runId, usedAt: performance.now() };
  };
  const at = (address: string): Connected => {
    let node = nodes.get(address);
    if (node === undefined) {
      node = connect(address);
      nodes.set(address, node);
    }
    node.usedAt = performance.now();
    return node;
  };
  const adjust = () => {
    const owners = new Set(topology.owners());
    for (const address of owners) at(address);
    for (const [address, node] of nodes) {
      if (owners.has(address) || performance.now() - node.usedAt < errandMs) continue;
      nodes.delete(address);
      const gone = node.connection.close().finally(() => closing.delete(gone));
      closing.add(gone);
    }
    if (owners.size > 0) known.open();
  };
  const failing = () =>
    topology
      .owners()
      .map((address) => nodes.get(address)?.connection.failure() ?? null)
      .find((failure) => failure !== null) ?? null;
  const failure = () => {
    const unknown = firstSeen.isOpen() ? topology.failure() : (topology.failure() ?? 'what describes the log cannot be read yet');
    return failing() ?? (unknown === null ? null : `Redis cannot be used: ${unknown}`);
  };
  function settleReady() {
    const refusal = topology.refusal();
    if (refusal !== null) ready.reject(refusal);
    else if (failure() === null) ready.resolve();
  }
  const ended = topology.onChange(() => {
    adjust();
    settleReady();
  });
  adjust();
  const watcher = setInterval(() => {
    adjust();
    // Its successor is known to the others as soon as there is one.
    if (failing() !== null) topology.doubt();
    const holder = nodes.get(topology.ownerOf(firstSlot) ?? '');
    // A failure shows again when the connection is looked at.
    if (!firstSeen.isOpen() && holder?.connection.failure() === null) examineFirst(holder.redis).catch(() => {});
    settleReady();
  }, impatienceMs);
  watcher.unref();

  const up = async (address: string): Promise<Connected> => {
    const node = at(address);
    await node.connection.usable();
    return node;
  };
  const owner = async (slot: number): Promise<Connected> => {
    await known.pass();
    const address = topology.ownerOf(slot);
    if (address === undefined)
      throw new LifelineError('UNAVAILABLE', undefined, { cause: new Error(topology.failure() ?? 'no owner') });
    const node = await up(address);
    await firstSeen.pass();
    return node;
  };

  return {
    ready: ready.promise,
    failure: () => (closed ? 'The log is closed.' : failure()),
    slotOf: (key) => topology.slotOf(key),
    runIdAt(address) {
      const node = nodes.get(address);
      return node === undefined || node.connection.failure() !== null ? null : node.runId();
    },
    owner,
    async redirect(slot, from, { message }, attempt) {
      if (!topology.sharded) return null;
      const [word, , named = ''] = message.split(' ');
      if (word === 'MOVED' || word === 'ASK') {
        // Nodes that do not know the other's name leave it out: then only the port differs.
        const where = named.replace(/^\??(?=:)/, from.address.slice(0, from.address.lastIndexOf(':')));
        if (attempt > 0) await pause(attempt);
        if (word === 'MOVED') topology.moved(slot, where);
        else topology.doubt();
        return { node: await up(where), asking: word === 'ASK' };
      }
      // Some of the keys are here and some already there; or the Cluster is about to find out who has them.
      if (word === 'TRYAGAIN' || word === 'CLUSTERDOWN') {
        topology.doubt();
        await pause(attempt);
        return { node: await owner(slot), asking: false };
      }
      return null;
    },
    async close() {
      closed = true;
      ended();
      clearInterval(watcher);
      known.open();
      firstSeen.open();
      await Promise.all([...[...nodes.values()].map(({ connection }) => connection.close()), ...closing]);
    },
  };
}

/** Whether a node of a Cluster said that it did nothing, because the keys are not (all) its own. */
export function isRedirection({ message }: Error): boolean {
  return /^(MOVED|ASK|TRYAGAIN|CLUSTERDOWN)\b/.test(message);
}

async function pause(attempt: number): Promise<void> {
  const timeout = Promise.withResolvers<void>();
  setTimeout(timeout.resolve, Math.min(250, 25 * 2 ** attempt) * (0.5 + Math.random() / 2));
  await timeout.promise;
}

function createGate() {
  let opening = Promise.withResolvers<void>();
  let isOpen = false;
  return {
    isOpen: () => isOpen,
    open() {
      isOpen = true;
      opening.resolve();
    },
    shut() {
      if (isOpen) opening = Promise.withResolvers();
      isOpen = false;
    },
    /** @throws LifelineError UNAVAILABLE after a second before it */
    async pass(): Promise<void> {
      if (isOpen) return;
      const timeout = Promise.withResolvers<void>();
      const timer = setTimeout(timeout.resolve, patienceMs);
      await Promise.race([opening.promise, timeout.promise]);
      clearTimeout(timer);
      if (!isOpen) throw new LifelineError('UNAVAILABLE');
    },
  };
}
