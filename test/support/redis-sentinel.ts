import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Redis } from 'ioredis';

import { endsWithUs } from './ends-with-us.ts';
import { eventually } from './eventually.ts';
import { freePort } from './free-port.ts';
import { replicated } from './redis-cluster.ts';
import { startRedis, type TestRedis } from './redis.ts';

export interface SentinelOptions {
  /** How many Sentinels; more than half of them have to agree. Default 3. */
  readonly sentinels?: number;
  /** After how many ms of silence a primary counts as dead. Default 800. */
  readonly downAfterMs?: number;
  /** Everything speaks TLS with these files, and nothing else. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly ca: string };
}

/** A primary, its replica and the Sentinels that watch them, on 127.0.0.1. */
export interface TestSentinels {
  readonly url: string;
  readonly masterName: string;
  /** The two servers; which one is the primary changes. */
  readonly servers: readonly [TestRedis, TestRedis];
  /** The one that most Sentinels name now. */
  primary(): Promise<TestRedis>;
  /** Settles when every Sentinel that is alive names this server, and it says that it is a primary. */
  promoted(server: TestRedis): Promise<void>;
  /**
   * Keeps the replica from hearing of further writes, without its primary's doing: what is written now is lost in a failover. Undone by
   * `reconnect`.
   */
  cutReplication(): Promise<void>;
  reconnect(): Promise<void>;
  /** Asks the Sentinels for a failover though nothing is wrong; settles when one of them has begun with it. */
  failover(): Promise<void>;
  killSentinel(index: number): Promise<void>;
  /** One command at the first Sentinel. */
  command(name: string, ...args: string[]): Promise<unknown>;
  stop(): Promise<void>;
}

interface Sentinel {
  readonly port: number;
  readonly id: string;
  readonly child: ChildProcess;
}

const masterName = 'lifeline';

export async function startRedisSentinel({
  sentinels: count = 3,
  downAfterMs = 800,
  tls,
}: SentinelOptions = {}): Promise<TestSentinels> {
  const dir = await mkdtemp(join(tmpdir(), 'lifeline-sentinel-'));
  const common = ['--repl-diskless-sync-delay', '0', ...(tls ? ['--tls-replication', 'yes'] : [])];
  const own = { own: true, ...(tls ? { tls } : {}) };
  const first = await startRedis({ ...own, args: common });
  const second = await startRedis({ ...own, args: [...common, '--replicaof', '127.0.0.1', String(first.port)] });
  const servers = [first, second] as const;
  const sentinels: Sentinel[] = [];
  const stop = async () => {
    await Promise.all(sentinels.map(({ child }) => kill(child)));
    await Promise.all(servers.map((server) => server.stop()));
    await rm(dir, { recursive: true, force: true });
  };

  try {
    await replicated(first, second);
    // They would find each other and the replica by themselves, in some twelve seconds.
    const planned = await Promise.all(
      Array.from({ length: count }, async () => ({ port: await freePort(), id: randomBytes(20).toString('hex') })),
    );
    for (const { port, id } of planned) {
      const file = join(dir, `${port}.conf`);
      const lines = [
        ...(tls ? ['port 0', `tls-port ${port}`, ...tlsLines(tls)] : [`port ${port}`]),
        'bind 127.0.0.1',
        `dir "${dir}"`,
        `sentinel myid ${id}`,
        `sentinel monitor ${masterName} 127.0.0.1 ${first.port} ${Math.floor(count / 2) + 1}`,
        `sentinel down-after-milliseconds ${masterName} ${downAfterMs}`,
        `sentinel failover-timeout ${masterName} 3000`,
        `sentinel known-replica ${masterName} 127.0.0.1 ${second.port}`,
        ...planned
          .filter((other) => other.id !== id)
          .map((other) => `sentinel known-sentinel ${masterName} 127.0.0.1 ${other.port} ${other.id}`),
      ];
      await writeFile(file, `${lines.join('\n')}\n`);
      const child = endsWithUs(spawn('redis-server', [file, '--sentinel'], { stdio: 'ignore' }));
      sentinels.push({ port, id, child });
    }

    const named = async ({ port }: Sentinel): Promise<number | null> => {
      const answer = await ask(port, tls !== undefined, 'get-master-addr-by-name', masterName);
      return Array.isArray(answer) ? Number(answer[1]) : null;
    };
    const alive = () => sentinels.filter(({ child }) => child.exitCode === null && child.signalCode === null);
    // Each has to know of the others and of the replica's state before it can hold an election.
    for (const sentinel of sentinels) {
      await eventually(async () => String(await ask(sentinel.port, tls !== undefined, 'ckquorum', masterName)).startsWith('OK'), {
        what: 'the quorum',
      });
      await eventually(
        async () => String(await ask(sentinel.port, tls !== undefined, 'replicas', masterName)).includes('master-link-status,ok'),
        {
          what: 'the replica to be known',
        },
      );
    }

    const primary = async (): Promise<TestRedis> => {
      const ports = await Promise.all(alive().map((sentinel) => named(sentinel)));
      const port = ports.toSorted((a, b) => (a ?? 0) - (b ?? 0))[Math.floor(ports.length / 2)];
      const server = servers.find((each) => each.port === port);
      if (server === undefined) throw new Error('The Sentinels name no server.');
      return server;
    };
    const replica = async (): Promise<TestRedis> => ((await primary()) === first ? second : first);
    return {
      url: `${tls ? 'rediss' : 'redis'}+sentinel://${sentinels.map(({ port }) => `127.0.0.1:${port}`).join(',')}/${masterName}`,
      masterName,
      servers,
      primary,
      async promoted(server) {
        await eventually(
          async () =>
            (await Promise.all(alive().map((sentinel) => named(sentinel)))).every((port) => port === server.port) &&
            String(await server.command('ROLE')).startsWith('master'),
          { what: 'the promotion' },
        );
      },
      async cutReplication() {
        // A replica that says AUTH to a primary without a password is turned away: its link stays down, whatever the Sentinels do.
        const [source, copy] = [await primary(), await replica()];
        await copy.command('CONFIG', 'SET', 'masterauth', 'not-wanted');
        await source.command('CLIENT', 'KILL', 'TYPE', 'replica');
      },
      async reconnect() {
        await Promise.all(servers.map((server) => server.command('CONFIG', 'SET', 'masterauth', '')));
      },
      async failover() {
        const [sentinel] = alive();
        await eventually(() => ask(sentinel?.port ?? 0, tls !== undefined, 'failover', masterName), {
          what: 'the failover to begin',
        });
      },
      command: (name, ...args) => call(sentinels[0]?.port ?? 0, tls !== undefined, name, ...args),
      async killSentinel(index) {
        const sentinel = sentinels[index];
        if (sentinel !== undefined) await kill(sentinel.child);
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

function tlsLines({ cert, key, ca }: { cert: string; key: string; ca: string }): string[] {
  return [
    `tls-cert-file "${cert}"`,
    `tls-key-file "${key}"`,
    `tls-ca-cert-file "${ca}"`,
    'tls-auth-clients no',
    'tls-replication yes',
  ];
}

const ask = (port: number, tls: boolean, ...args: string[]) => call(port, tls, 'SENTINEL', ...args);

async function call(port: number, tls: boolean, name: string, ...args: string[]): Promise<unknown> {
  const redis = new Redis(port, '127.0.0.1', {
    lazyConnect: true,
    retryStrategy: () => null,
    enableReadyCheck: false,
    protocol: 2,
    ...(tls ? { tls: { rejectUnauthorized: false } } : {}),
  });
  redis.on('error', () => {}); // `connect` rejects with it too
  try {
    await redis.connect();
    return await redis.call(name, ...args);
  } finally {
    redis.disconnect();
  }
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}
