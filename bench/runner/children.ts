/** The processes of one bench run: pinned to a core where the machine can do that, and gone when the run is. */
import { type ChildProcess, spawn, spawnSync, type SpawnOptions } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';

export interface Children {
  /** `command` on one core, where there is `taskset` and more than one core. */
  start(command: string, args: readonly string[], options: SpawnOptions & { readonly core?: 0 | 1 }): ChildProcess;
  /** SIGTERM, and SIGKILL after 3 s: only what `start` started. */
  stop(child: ChildProcess): Promise<void>;
  stopAll(): Promise<void>;
}

const graceMs = 3_000;

export const canPin = availableParallelism() > 1 && spawnSync('taskset', ['-c', '0', 'true']).status === 0;

/** Moves a process that somebody else started, with all its threads. */
export function pin(pid: number, core: 0 | 1): void {
  if (canPin) spawnSync('taskset', ['-a', '-c', '-p', String(core), String(pid)]);
}

export const ended = (child: ChildProcess) => child.exitCode !== null || child.signalCode !== null;

export function createChildren(): Children {
  const running = new Set<ChildProcess>();
  // The last resort, also for a runner that throws: `exit` handlers cannot wait, SIGKILL need not.
  const killAll = () => running.forEach((child) => child.kill('SIGKILL'));
  process.once('exit', killAll);

  const stop = async (child: ChildProcess) => {
    if (!running.has(child) || ended(child)) return;
    const gone = once(child, 'exit');
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
    await gone;
    clearTimeout(timer);
  };

  return {
    start(command, args, { core, ...options }) {
      const child =
        core === undefined || !canPin
          ? spawn(command, args, options)
          : spawn('taskset', ['-c', String(core), command, ...args], options); // taskset execs: the pid is the command's own
      running.add(child);
      child.once('exit', () => running.delete(child));
      child.once('error', () => running.delete(child));
      return child;
    },
    stop,
    async stopAll() {
      await Promise.all([...running].map(stop));
    },
  };
}
