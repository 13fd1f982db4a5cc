/** What one workload gets to work with, and the end of all of it. */
import { fileURLToPath } from 'node:url';

import { startRedis } from '../../test/support/redis.ts';
import { nativeProgram } from '../native/build.ts';
import type { Context } from '../workloads/workload.ts';
import { type Children, pin } from './children.ts';
import { loadProcess } from './load-process.ts';
import { isProduct, productOptions } from './product-options.ts';
import { serverProcess } from './server-process.ts';

const repository = fileURLToPath(new URL('../../', import.meta.url));
const serverFolder = fileURLToPath(new URL('../servers/', import.meta.url));

export interface ContextOptions {
  readonly profile: Context['profile'];
  readonly rounds: number;
  readonly roundMs: number;
  /** Names of servers; undefined: all. */
  readonly servers: readonly string[] | undefined;
  readonly children: Children;
  readonly signal: AbortSignal;
  readonly note: (text: string) => void;
  /** The server to profile, and where to. */
  readonly cpuProf?: { readonly server: string; readonly folder: string } | undefined;
}

/** `end` ends whatever was started through the context, the last first, and never rejects. */
export function createContext(options: ContextOptions): Context & { readonly end: () => Promise<void> } {
  const { servers: onlyServers, profile, rounds, roundMs, children, signal, note, cpuProf } = options;
  const cleanups: (() => Promise<void> | void)[] = [];
  const defer = (cleanup: () => Promise<void> | void) => void cleanups.push(cleanup);

  const startNode: Context['startNode'] = (
    args,
    { name, core, env = {}, stdout = 'ignore', stderr = 'inherit', execArgv = [] } = {},
  ) => {
    signal.throwIfAborted();
    const profiling = cpuProf !== undefined && cpuProf.server === name ? ['--cpu-prof', `--cpu-prof-dir=${cpuProf.folder}`] : [];
    const child = children.start(process.execPath, [...profiling, ...execArgv, ...args], {
      cwd: repository,
      env: { ...process.env, NODE_ENV: 'production', NODE_OPTIONS: '', ...env },
      stdio: ['ignore', stdout, stderr, 'ipc'],
      ...(core === undefined ? {} : { core }),
    });
    child.on('error', () => undefined); // whoever talks to it is told
    defer(() => children.stop(child));
    return child;
  };

  return {
    profile,
    rounds,
    roundMs,
    chosen: (names) => (onlyServers === undefined ? names : names.filter((name) => onlyServers.includes(name))),
    signal,
    note,
    defer,
    startNode,
    async startServer(name, serverOptions = {}) {
      const profiled = cpuProf?.server === name;
      const child = startNode([`${serverFolder}${name}.ts`], {
        core: 0,
        execArgv: [...(isProduct(name) ? productOptions : []), ...(serverOptions.exposeGc === true ? ['--expose-gc'] : [])],
        env: {
          ...(profiled ? { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${cpuProf.folder}` } : {}),
          ...serverOptions.env,
        },
      });
      const server = await serverProcess(name, child, serverOptions, () => children.stop(child));
      defer(() => server.stop());
      return server;
    },
    async startLoad() {
      const program = await nativeProgram('load');
      signal.throwIfAborted();
      const child = children.start(program, [], { core: 1, stdio: ['pipe', 'pipe', 'inherit'] });
      child.on('error', () => undefined);
      const load = loadProcess(child, () => children.stop(child));
      defer(() => load.close());
      return load;
    },
    async startRedis(redisOptions = {}) {
      const redis = await startRedis({ own: true, ...redisOptions });
      defer(() => redis.stop());
      const info = String(await redis.command('INFO', 'server'));
      pin(Number(/process_id:(\d+)/.exec(info)?.[1]), 1);
      return redis;
    },
    async end() {
      for (const cleanup of cleanups.splice(0).toReversed()) {
        await Promise.resolve()
          .then(cleanup)
          .catch((error: unknown) => note(`cleaning up: ${error instanceof Error ? error.message : String(error)}`));
      }
    },
  };
}
