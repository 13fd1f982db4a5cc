/**
 * A workload: one question put to several servers, answered in lines. Each file beside this one exports one as `workload`; `../run.ts` runs
 * those that were asked for and hands their lines to the table, the goals and the plots, which know nothing else.
 */
import type { ChildProcess } from 'node:child_process';

import type { RedisOptions, TestRedis } from '../../test/support/redis.ts';
import type { LoadProcess } from '../runner/load-process.ts';
import type { ServerOptions, ServerProcess } from '../runner/server-process.ts';

/** One measured round of one server: a line of `results/*.jsonl`. What was not measured is not there. */
export interface Result {
  /** the workload's letter */
  readonly workload: string;
  /** file name of the server under test without `.ts`, or what else was measured (`redis-benchmark`) */
  readonly server: string;
  /** what the workload varied, as it stands in the table: `10000/s`, `batch 128`, `gzip 16` */
  readonly variant?: string;
  /** from 1; warm-up rounds are not results */
  readonly round: number;
  readonly sockets?: number;
  /** events (or connections, appends …) a second */
  readonly rate?: number;
  /** CPU of the server under test, µs an event */
  readonly cpuPerEvent?: number;
  /** latency from the scheduled send, ms */
  readonly p50?: number;
  readonly p99?: number;
  readonly p999?: number;
  readonly max?: number;
  /** bytes */
  readonly rss?: number;
  readonly lost?: number;
  readonly repeated?: number;
  /** share of one core (0 to 1) that the load client took: from 0.85 on the round is invalid */
  readonly clientCpu?: number;
  /** how late the generator itself was at most, ms: open-loop workloads only */
  readonly generatorLag?: number;
  /** what only this workload knows; the name carries the unit (`bytesPerConnection`, `readyMs`) */
  readonly figures?: Readonly<Record<string, number>>;
}

/** What a workload may use. Whatever was started through it is ended when the workload is over, however that came. */
export interface Context {
  readonly profile: 'smoke' | 'full';
  /** measured rounds, after the warm-up */
  readonly rounds: number;
  /** aimed length of one round, ms */
  readonly roundMs: number;
  /** Those of the servers that this run is about: all of them unless it was started with `--servers`. */
  chosen<Name extends string>(servers: readonly Name[]): readonly Name[];
  /** A child running `bench/servers/<name>.ts` on the servers' core; settles when it listens. */
  startServer(name: string, options?: ServerOptions): Promise<ServerProcess>;
  /** The native load client on the other core. */
  startLoad(): Promise<LoadProcess>;
  startRedis(options?: RedisOptions): Promise<TestRedis>;
  /** Any other Node child (`node <args>`) on a core of its own choice, with IPC; killed at the end. `args` are relative to the repository. */
  startNode(args: readonly string[], options?: NodeOptions): ChildProcess;
  /** Called when the workload is over, last first. */
  defer(cleanup: () => Promise<void> | void): void;
  /** One line for whoever waits in front of the terminal: not a result. */
  note(text: string): void;
  /** Aborted by SIGINT: long waits should listen. */
  readonly signal: AbortSignal;
}

export interface NodeOptions {
  /** What `--cpu-prof` calls it, if it is worth a profile. */
  readonly name?: string;
  readonly core?: 0 | 1;
  readonly env?: Readonly<Record<string, string>>;
  /** stdout is piped to the caller instead of dropped. */
  readonly stdout?: 'pipe' | 'ignore';
  /** stderr is the terminal's, unless it is known to hold nothing but words of welcome. */
  readonly stderr?: 'inherit' | 'ignore';
  readonly execArgv?: readonly string[];
}

export interface Workload {
  readonly letter: string;
  readonly title: string;
  run(context: Context): AsyncIterable<Result>;
}
