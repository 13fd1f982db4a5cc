/** The rounds of workload E: each gives the line of one round, without its number. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import type { TestRedis } from '../../test/support/redis.ts';
import { untilIdle } from '../runner/cpu.ts';
import { latenciesOf, percentile } from '../runner/latencies.ts';
import { countsIn, latenciesIn } from '../runner/load-process.ts';
import type { RoleProcess } from '../runner/role-process.ts';
import type { Producing } from './kafka-broker.ts';
import type { Path } from './kafka-paths.ts';
import type { Result } from './workload.ts';

type Line = Omit<Result, 'round'>;

/** A subscription waits with 32 copies that nobody acknowledged. */
export const perMember = 24;
/** And what is not acknowledged comes again after 5 s. */
const steadyMs = 3_000;
const patienceMs = 20_000;
/** At rest: at most so much CPU in so much time. */
const [restMicros, windowMs] = [30_000, 200];
const restWithinMs = 10_000;

export interface SteadyOptions {
  /** Events a second. */
  readonly rate: number;
  readonly roundMs: number;
  readonly sockets: number;
}

/** Events by the clock. */
export async function steady(path: Path, { rate, roundMs, sockets }: SteadyOptions): Promise<Line> {
  const count = Math.min(Math.round((rate * Math.min(roundMs, steadyMs)) / 1_000), perMember * sockets);
  return { ...(await measure(path, count, () => path.send(count, rate))), sockets, variant: `${path.form} ${rate}/s` };
}

/** The same, with latencies from Kafka's acknowledgement: what it and the producer take before is nobody's here. */
export async function steadyFromKafka(path: Path, options: SteadyOptions): Promise<Line> {
  const folder = await mkdtemp(join(tmpdir(), 'lifeline-bench-'));
  const [acknowledged, received] = [join(folder, 'acknowledged'), join(folder, 'received')];
  try {
    await path.load.trace(received);
    const send: Path['send'] = (count, rate) => path.send(count, rate, acknowledged);
    const line = await steady({ ...path, send }, options);
    await path.load.trace(null);
    const micros = latenciesOf(await readFile(acknowledged, 'utf8'), await readFile(received, 'utf8'));
    const at = (share: number) => percentile(micros, share) / 1_000;
    const sinceSend = { p50SinceSendMs: line.p50 ?? 0, p99SinceSendMs: line.p99 ?? 0 };
    return { ...line, p50: at(0.5), p99: at(0.99), p999: at(0.999), max: at(1), figures: { ...line.figures, ...sinceSend } };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What stands in Kafka before its reader goes on, so that nobody but the path is the limit. */
export async function most(path: Path, count: number, sockets: number): Promise<Line> {
  const line = await measure(path, count, () => withStopped(path.readerPid, () => path.send(count, null)));
  // Its latency would be the time that it stood in Kafka.
  const { p50: _p50, p99: _p99, p999: _p999, max: _max, generatorLag: _lag, ...rest } = line;
  return { ...rest, sockets, variant: `${path.form} max` };
}

/** Kafka → log, with nobody who listens: from the first event that Redis has to the last. */
export async function alone(
  bridge: RoleProcess,
  redis: TestRedis,
  produce: Producing,
  topic: string,
  count: number,
): Promise<Line> {
  // Every append rings once, and nothing else in this Redis does meanwhile.
  const rings = async () => {
    const info = String(await redis.command('INFO', 'commandstats'));
    return Number(/cmdstat_publish:calls=(\d+)/.exec(info)?.[1] ?? 0);
  };
  const before = await rings();
  await withStopped(bridge.pid, () => produce({ topic, members: 1_000, count, rate: null }));
  const [cpu, resumed] = [await bridge.cpuMicros(), performance.now()];
  let first: { readonly at: number; readonly applied: number } | undefined;
  for (;;) {
    const applied = (await rings()) - before;
    const at = performance.now();
    if (applied > 0) first ??= { at, applied };
    if (first !== undefined && applied >= count) {
      return {
        workload: 'E',
        server: 'lifeline',
        variant: 'bridge alone',
        rate: (count - first.applied) / ((at - first.at) / 1_000),
        cpuPerEvent: ((await bridge.cpuMicros()) - cpu) / count,
        lost: 0,
      };
    }
    if (at - resumed > patienceMs) throw new Error(`The bridge applied ${applied} of ${count} events in ${patienceMs / 1_000} s.`);
    await sleep(5);
  }
}

/** Stopped for less than any session timeout: it comes back as if the machine had been busy. */
async function withStopped<T>(pid: number | undefined, work: () => Promise<T>): Promise<T> {
  if (pid === undefined) throw new Error('This path has no reader that could be stopped.');
  process.kill(pid, 'SIGSTOP');
  try {
    return await work();
  } finally {
    process.kill(pid, 'SIGCONT');
  }
}

async function measure(path: Path, count: number, send: () => ReturnType<Path['send']>): Promise<Line> {
  const { server, load } = path;
  const before = await path.cpuMicros();
  await load.mark();
  const start = await load.report();
  const { lagMicros } = await send();
  const report = await load.await(count, patienceMs);
  const after = await path.cpuMicros();
  await path.settle();
  await rest(path);
  const perEvent = Object.entries(after).map(([name, micros]) => [name, (micros - (before[name] ?? 0)) / report.received] as const);
  const all = perEvent.reduce((sum, [, micros]) => sum + micros, 0);
  return {
    workload: 'E',
    server,
    rate: (report.received / (report.last - report.first)) * 1e6,
    cpuPerEvent: all,
    ...latenciesIn(report),
    ...countsIn(report, start, count),
    generatorLag: lagMicros / 1_000,
    figures: { cpuPerEventAll: all, ...Object.fromEntries(perEvent.map(([name, micros]) => [`${name}CpuPerEvent`, micros])) },
  };
}

/** Waits until a path does next to nothing: what it still does about one round must not be in the next one's figures. */
async function rest(path: Path): Promise<void> {
  const total = async () => Object.values(await path.cpuMicros()).reduce((sum, micros) => sum + micros, 0);
  // The kernel counts in ticks of 10 ms, and a product at rest looks after its log.
  await untilIdle(total, { restMicros, windowMs, patienceMs: restWithinMs });
}
