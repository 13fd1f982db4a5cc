import { readFileSync } from 'node:fs';

import type { Lifeline } from '../../support/lifeline.ts';
import type { Load } from './load.ts';

/** How a process bore something. */
export interface Vitals {
  /** MiB above where it stood at the start, at its highest. */
  readonly growth: number;
  /** The longest turn of its event loop, ms. */
  readonly longestTurn: number;
  /** Share of one core. */
  readonly cpu: number;
}

const pageBytes = 4096;
const sampleEveryMs = 100;

/** Watches a process until asked. */
export async function watchVitals(lifeline: Lifeline): Promise<{ stop(): Promise<Vitals> }> {
  const { pid } = lifeline.process;
  // From the kernel: asking the process would make it work, and a process in trouble would answer late.
  const resident = () => (Number(readFileSync(`/proc/${pid ?? 0}/statm`, 'utf8').split(' ')[1]) * pageBytes) / 1024 ** 2;
  const turn = () => lifeline.metric('nodejs_eventloop_lag_max_seconds'); // since it was last asked
  const cpu = () => lifeline.metric('process_cpu_seconds_total');
  await turn();
  const [began, cpuBefore, start] = [performance.now(), await cpu(), resident()];
  let peak = start;
  const timer = setInterval(() => {
    if (lifeline.process.exitCode === null && lifeline.process.signalCode === null) peak = Math.max(peak, resident());
  }, sampleEveryMs);
  return {
    async stop() {
      clearInterval(timer);
      const seconds = (performance.now() - began) / 1_000;
      return {
        growth: Math.max(peak, resident()) - start,
        longestTurn: (await turn()) * 1_000,
        cpu: ((await cpu()) - cpuBefore) / seconds,
      };
    },
  };
}

/** From Kafka's acknowledgement to the first copy at a device, the 99th percentile of what was produced in that time, ms. */
export function p99({ produced, deliveries }: Pick<Load, 'produced' | 'deliveries'>, from: number, to: number): number {
  const first = new Map<string, number>();
  for (const { id, at } of deliveries) first.set(id, Math.min(at, first.get(id) ?? Number.POSITIVE_INFINITY));
  const waits = produced
    .filter(({ at }) => at >= from && at <= to)
    .map(({ id, at }) => Math.max(0, (first.get(id) ?? Date.now()) - at))
    .toSorted((a, b) => a - b);
  return waits[Math.floor(waits.length * 0.99)] ?? 0;
}
