import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, stat, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { Redis } from 'ioredis';

import { endsWithUs } from './ends-with-us.ts';
import { freePort } from './free-port.ts';

export interface RedisOptions {
  /** Added behind the defaults (`--save '' --appendonly no`), so they win over them. */
  readonly args?: readonly string[];
  /** Keep every write in an append-only file: what a `restart` then finds again. */
  readonly aof?: boolean;
  /** Never the server behind REDIS_URL: for tests that kill, restart, pause or flush. Any other option implies it. */
  readonly own?: boolean;
  /** Serve TLS with these files on the port, and nothing else. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly ca: string };
}

/** A real Redis on 127.0.0.1, one test's own unless REDIS_URL is given and nothing special was asked for. */
export interface TestRedis {
  readonly url: string;
  readonly port: number;
  /** The process runs, also while it is paused. */
  readonly alive: boolean;
  /** SIGKILL by default; settles when the process is gone. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** The same port and folder again; after a `kill`, or instead of one. */
  restart(): Promise<void>;
  /** After a `kill`: the newest writes never reached the append-only file, as when the whole machine died. */
  loseTail(bytes: number): Promise<void>;
  /** Freezes the process (SIGSTOP): connections stay open and nothing answers. */
  pause(): void;
  resume(): void;
  /** One command over a connection that `stop` closes, e.g. `command('FLUSHALL')`. */
  command(name: string, ...args: (string | number)[]): Promise<unknown>;
  /** Ends the process and removes its folder. */
  stop(): Promise<void>;
}

const startTimeoutMs = 10_000;

/** @throws Error with one sentence on what to do when there is no `redis-server` */
export async function startRedis(options?: RedisOptions): Promise<TestRedis> {
  const shared = process.env['REDIS_URL'];
  return shared !== undefined && shared !== '' && options === undefined ? connectTo(shared) : startOwn(options ?? {});
}

function connectTo(url: string): TestRedis {
  const connection = commandConnection(url);
  const refuse = (): never => {
    throw new Error('This test does more to Redis than use it: start it with `startRedis({ own: true })`.');
  };
  return {
    url,
    port: Number(new URL(url).port || 6379),
    alive: true,
    kill: async () => refuse(),
    restart: async () => refuse(),
    loseTail: async () => refuse(),
    pause: refuse,
    resume: refuse,
    command: (name, ...args) => connection.command(name, ...args),
    stop: async () => connection.close(),
  };
}

async function startOwn(options: RedisOptions): Promise<TestRedis> {
  const dir = await mkdtemp(join(tmpdir(), 'lifeline-redis-'));
  const { tls } = options;
  const args = ['--bind', '127.0.0.1', '--dir', dir, '--save', '', '--appendonly', options.aof ? 'yes' : 'no'];
  if (tls)
    args.push('--tls-cert-file', tls.cert, '--tls-key-file', tls.key, '--tls-ca-cert-file', tls.ca, '--tls-auth-clients', 'no');
  args.push(...(options.args ?? []));
  const launch = (port: number) =>
    start([...(tls ? ['--port', '0', '--tls-port', String(port)] : ['--port', String(port)]), ...args]);

  let port = 0;
  let child: ChildProcess | undefined;
  for (let attempt = 1; child === undefined; attempt++) {
    port = await freePort();
    // Somebody else may take the port between finding and using it.
    child = await launch(port).catch(async (error: unknown) => {
      if (attempt < 5 && error instanceof Error && error.message.includes('in use')) return undefined;
      await rm(dir, { recursive: true, force: true });
      throw error;
    });
  }
  const url = `${tls ? 'rediss' : 'redis'}://127.0.0.1:${port}`;
  const connection = commandConnection(url);

  const kill = async (signal: NodeJS.Signals = 'SIGKILL') => {
    const dying = child;
    if (dying === undefined || dying.exitCode !== null || dying.signalCode !== null) return;
    const gone = once(dying, 'exit');
    dying.kill(signal);
    await gone;
  };
  return {
    url,
    port,
    get alive() {
      return child !== undefined && child.exitCode === null && child.signalCode === null;
    },
    kill,
    async restart() {
      await kill();
      child = await launch(port);
    },
    async loseTail(bytes) {
      const folder = join(dir, 'appendonlydir');
      const name = (await readdir(folder)).find((each) => each.endsWith('.incr.aof'));
      if (name === undefined) throw new Error('It keeps no append-only file: start it with `{ aof: true }`.');
      const file = join(folder, name);
      await truncate(file, Math.max(0, (await stat(file)).size - bytes));
    },
    pause: () => void child?.kill('SIGSTOP'),
    resume: () => void child?.kill('SIGCONT'),
    command: (name, ...args) => connection.command(name, ...args),
    async stop() {
      connection.close();
      await kill();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** Settles when the server accepts connections, its append-only file loaded. */
async function start(args: readonly string[]): Promise<ChildProcess> {
  const child = endsWithUs(spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'pipe'] }));
  child.stderr.resume();

  const output: string[] = [];
  const lines = createInterface({ input: child.stdout });
  return new Promise((resolve, reject) => {
    const fail = (error: Error) => {
      clearTimeout(timer);
      child.kill('SIGKILL');
      reject(error);
    };
    const timer = setTimeout(() => fail(new Error(`redis-server did not start: ${output.slice(-5).join(' | ')}`)), startTimeoutMs);
    lines.on('line', (line) => {
      if (output.length < 200) output.push(line);
      if (!line.includes('Ready to accept connections')) return;
      clearTimeout(timer);
      resolve(child);
    });
    child.once('error', (error: NodeJS.ErrnoException) =>
      fail(
        error.code === 'ENOENT'
          ? new Error(
              'The tests need `redis-server` 7 or newer: install it (Debian: apt-get install redis-server) or set REDIS_URL.',
            )
          : error,
      ),
    );
    child.once('exit', () => fail(new Error(`redis-server ended: ${output.slice(-5).join(' | ')}`)));
  });
}

function commandConnection(url: string) {
  let redis: Redis | undefined;
  return {
    async command(name: string, ...args: (string | number)[]): Promise<unknown> {
      if (redis === undefined) {
        redis = new Redis(url, url.startsWith('rediss:') ? { tls: { rejectUnauthorized: false } } : {});
        redis.on('error', () => {}); // a killed server is part of many tests
      }
      return redis.call(name, ...args);
    },
    close() {
      redis?.disconnect();
    },
  };
}
