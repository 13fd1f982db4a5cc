/** What the kernel says of a process: for those that answer no questions themselves. */
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

/** User and system time of a process with all its threads, µs since its start; to 10 ms (proc(5), fields 14 and 15). */
export async function cpuMicros(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  // The name stands in brackets and may hold anything; what follows the last one is separated by single blanks.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10_000;
}

/** Resident memory of a process, bytes. */
export async function rssBytes(pid: number): Promise<number> {
  return Number(/VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1_024;
}

/** Share of one core that a process took between two readings of its CPU and the clock, both µs; 0 when no time passed. */
export function share(cpu: number, micros: number): number {
  return micros > 0 ? cpu / micros : 0;
}

/** Waits until what `cpu` reads, µs, grows by no more than `restMicros` within `windowMs`; not longer than `patienceMs`. */
export async function untilIdle(
  cpu: () => Promise<number>,
  { restMicros, windowMs, patienceMs }: { readonly restMicros: number; readonly windowMs: number; readonly patienceMs: number },
): Promise<void> {
  const deadline = performance.now() + patienceMs;
  for (let before = await cpu(); performance.now() < deadline;) {
    await sleep(windowMs);
    const now = await cpu();
    if (now - before <= restMicros) return;
    before = now;
  }
}
