/** A process of the product in one of its roles, as operators start it, from the sources or from a build. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

import { benchSecret } from '../servers/tokens.ts';
import type { Context } from '../workloads/workload.ts';
import { ended } from './children.ts';
import { cpuMicros, rssBytes } from './cpu.ts';
import { productOptions } from './product-options.ts';

export interface RoleOptions {
  /** What is run, relative to the repository. */
  readonly program?: string;
  readonly env?: Readonly<Record<string, string>>;
}

export interface RoleProcess {
  /** Of the GraphQL endpoint; of a bridge, the root of its health endpoints. */
  readonly url: string;
  readonly pid: number;
  /** From the start of the process to its ready line, ms */
  readonly readyMs: number;
  /** Waits until /readyz is green. */
  ready(): Promise<void>;
  /** The sum of a metric over all of its labels; 0 where there is none. */
  metric(name: string): Promise<number>;
  /** User and system time of the process and those it started, µs */
  cpuMicros(): Promise<number>;
  /** Resident memory of the process and those it started, bytes */
  rssBytes(): Promise<number>;
  stop(): Promise<void>;
}

/** What every role is given; REDIS_URL and KAFKA_BROKERS are the caller's. */
const settings = {
  JWT_SECRET: benchSecret,
  CURSOR_SECRET: benchSecret,
  HOST: '127.0.0.1',
  PORT: '0',
  LOG_LEVEL: 'info',
};
const readyWithinMs = 30_000;
/** It promises 10 s. */
const stopWithinMs = 12_000;

/** `role` null: whatever the program does without one. @throws Error when it ends before it is ready */
export async function startRole(
  context: Context,
  role: string | null,
  { program = 'src/main.ts', env = {} }: RoleOptions = {},
): Promise<RoleProcess> {
  const began = performance.now();
  const child = context.startNode([program, ...(role === null ? [] : [role])], {
    name: role ?? 'embedded',
    core: 0,
    execArgv: productOptions,
    env: { ...settings, ...env },
    stdout: 'pipe',
    ...(role === null ? { stderr: 'ignore' } : {}), // embedded, it greets whoever started it
  });
  const url = await readyLine(child, role ?? 'embedded');
  const readyMs = performance.now() - began;
  const pid = child.pid ?? 0;
  // Its own end takes longer than others are given, and a profile is written only then.
  const stop = async () => {
    if (ended(child)) return;
    const timer = setTimeout(() => child.kill('SIGKILL'), stopWithinMs);
    const gone = once(child, 'exit');
    child.kill('SIGTERM');
    await gone;
    clearTimeout(timer);
  };
  context.defer(stop);
  const sum = async (of: (pid: number) => Promise<number>) => {
    const values = await Promise.all((await familyOf(pid)).map((member) => of(member).catch(() => 0))); // it ended meanwhile
    return values.reduce((total, value) => total + value, 0);
  };
  return {
    url,
    pid,
    readyMs,
    async ready() {
      for (const until = performance.now() + readyWithinMs; ;) {
        const response = await fetch(new URL('/readyz', url));
        if (response.ok) return;
        if (performance.now() > until) throw new Error(`${role}: not ready: ${await response.text()}`);
        await sleep(50, undefined, { signal: context.signal });
      }
    },
    async metric(name) {
      const text = await (await fetch(new URL('/metrics', url))).text();
      const series = text.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
      return series.reduce((total, line) => total + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
    },
    cpuMicros: () => sum(cpuMicros),
    rssBytes: () => sum(rssBytes),
    stop,
  };
}

/** The address in its ready line; its further lines are read and dropped. */
function readyLine(child: ChildProcess, name: string): Promise<string> {
  const { stdout } = child;
  if (stdout === null) throw new Error(`${name} was started without a pipe.`);
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const recent: string[] = [];
  createInterface({ input: stdout }).on('line', (line) => {
    const entry = JSON.parse(line) as { readonly msg?: string; readonly url?: string }; // its log is JSON lines
    if (entry.msg === 'ready' && entry.url !== undefined) resolve(entry.url);
    recent.push(line);
    if (recent.length > 5) recent.shift();
  });
  const timer = setTimeout(
    () => reject(new Error(`${name} was not ready within ${readyWithinMs / 1_000} s: ${recent.join(' ')}`)),
    readyWithinMs,
  );
  child.once('exit', (code, signal) => reject(new Error(`${name} ended (${signal ?? code}): ${recent.join(' ')}`)));
  child.once('error', reject);
  return promise.finally(() => clearTimeout(timer));
}

/** The process, and all that it started. */
export async function familyOf(pid: number): Promise<number[]> {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  const pids = children
    .trim()
    .split(/\s+/)
    .filter((text) => text !== '');
  return [pid, ...(await Promise.all(pids.map((child) => familyOf(Number(child))))).flat()];
}
