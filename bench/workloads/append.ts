/** W: the write path into Redis by batch size: the product's log, the script that everybody writes first, and what Redis itself can do. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import type { TestRedis } from '../../test/support/redis.ts';
import type { Append, Appending } from '../load/appender.ts';
import { canPin } from '../runner/children.ts';
import { conversation } from '../runner/conversation.ts';
import { cpuMicros } from '../runner/cpu.ts';
import { inTurn } from '../runner/rounds.ts';
import { eventJson } from '../servers/event.ts';
import type { Context, Result, Workload } from './workload.ts';

const batches = { smoke: [16, 128], full: [1, 16, 128, 512] } as const;
/** Commands in one pipeline of redis-benchmark, over one connection: a client without any work of its own. */
const pipelined = 128;
const appendings = ['lifeline', 'set-nx-script'] as const satisfies readonly Appending[];

const execute = promisify(execFile);

export const workload: Workload = { letter: 'W', title: 'append to Redis', run };

async function* run(context: Context): AsyncIterable<Result> {
  const redis = await context.startRedis();
  const redisPid = Number(/process_id:(\d+)/.exec(String(await redis.command('INFO', 'server')))?.[1]);
  const appender = conversation('appender', context.startNode(['bench/load/appender.ts'], { name: 'appender', core: 0 }));
  await appender.ask('listen', { redisUrl: redis.url }, 30_000);
  const ms = Math.max(300, context.roundMs / 2);

  const append = async (how: Appending, batch: number) => {
    const before = await cpuMicros(redisPid);
    const answer = await appender.ask('append', { how, batch, ms } satisfies Append, 60_000);
    const redisCpu = (await cpuMicros(redisPid)) - before;
    const [appended, micros, cpu] = ['appended', 'micros', 'cpuMicros'].map((key) => Number(answer[key]));
    return { appended: appended ?? 0, micros: micros ?? 0, cpu: cpu ?? 0, redisCpu };
  };

  for (let round = 0; round <= context.rounds; round++) {
    const subjects = inTurn([...appendings, 'redis-benchmark'] as const, round);
    for (const batch of batches[context.profile]) {
      for (const server of subjects) {
        const line = { workload: 'W', server, variant: `batch ${batch}`, round };
        if (server === 'redis-benchmark') {
          if (batch === pipelined && round > 0) yield { ...line, rate: await redisBenchmark(redis, ms, context.signal) };
          continue;
        }
        const { appended, micros, cpu, redisCpu } = await append(server, batch);
        if (round === 0) continue; // warm-up
        yield {
          ...line,
          rate: appended / (micros / 1e6),
          cpuPerEvent: cpu / appended,
          figures: { redisCpuPerEvent: redisCpu / appended },
        };
      }
    }
  }
}

/** XADD of the same event to as many streams, from redis-benchmark on the appender's core; how many a second. */
async function redisBenchmark(redis: TestRedis, ms: number, signal: AbortSignal): Promise<number> {
  await redis.command('FLUSHALL');
  const expected = 250_000;
  const requests = Math.round((expected * ms) / 1_000);
  const payload = eventJson({ member: 'm0', timeMicros: 0, sequence: 0 });
  const xadd = ['XADD', 'log:__rand_int__', 'MAXLEN', '~', '1000', '*', 's', '1', 'e', payload];
  const options = ['-p', String(redis.port), '-c', '1', '-P', String(pipelined), '-n', String(requests), '-r', '10000', '-q'];
  const all = canPin ? ['taskset', '-c', '0', 'redis-benchmark', ...options, ...xadd] : ['redis-benchmark', ...options, ...xadd];
  const { stdout } = await execute(all[0] ?? '', all.slice(1), { signal, timeout: 60_000 });
  const rate = [...stdout.matchAll(/([\d.]+) requests per second/g)].at(-1)?.[1];
  if (rate === undefined) throw new Error(`redis-benchmark said ${stdout}`);
  return Number(rate);
}
