/**
 * Appends to Redis for `../workloads/append.ts`: through the product's log (`lifeline`), or with the script that everybody writes first, a
 * key per event to know it again (`set-nx-script`). Two batches are on their way at once, as with two partitions.
 */
import { Redis } from 'ioredis';

import { createRedisLog } from '../../src/log/redis.ts';
import type { SourceWriter } from '../../src/log/log.ts';
import { createLogger } from '../../src/operations/logger.ts';
import { nowMicros } from '../servers/clock.ts';
import { eventJson } from '../servers/event.ts';
import { memberEvent } from '../servers/member-event.ts';
import { answer, timed } from './answers.ts';

export type Appending = 'lifeline' | 'set-nx-script';

export interface Append {
  readonly how: Appending;
  readonly batch: number;
  readonly ms: number;
}

export interface AppendAnswer {
  readonly appended: number;
  readonly micros: number;
  readonly cpuMicros: number;
}

const members = 10_000;
const atOnce = 2;
const topic = 'bench';

const script = `
if not redis.call('SET', KEYS[1], '1', 'NX', 'EX', 604800) then return 0 end
local sequence = redis.call('INCR', KEYS[2])
redis.call('XADD', KEYS[3], 'MAXLEN', '~', 1000, '*', 's', sequence, 'e', ARGV[1])
redis.call('PUBLISH', KEYS[4], ARGV[1])
return sequence`;

/** One after the other, for every batch that is on its way, until the time is up; how many events they were. */
type Loop = (until: number) => Promise<number>;

const logger = createLogger('error');
let serial = 0;
const nextStamp = () => {
  const sequence = ++serial;
  return { member: `m${Math.floor(Math.random() * members)}`, timeMicros: nowMicros(), sequence };
};

function logLoops(writers: readonly SourceWriter[], batch: number, begun: number[]): Loop[] {
  return writers.map((writer, partition) => async (until) => {
    let appended = 0;
    while (performance.now() < until) {
      const first = begun[partition] ?? 0;
      const to = first + batch;
      const records = Array.from({ length: batch }, (_, index) => {
        const offset = first + index;
        return { offset, event: memberEvent(nextStamp(), offset, 'w'), refed: false };
      });
      const result = await writer.append(to, records);
      if (result.status !== 'ok' || result.appended !== batch) throw new Error(`the log answered ${JSON.stringify(result)}`);
      begun[partition] = to;
      appended += batch;
    }
    return appended;
  });
}

function scriptLoops(redis: Redis, sha: string, batch: number): Loop[] {
  const loop: Loop = async (until) => {
    let appended = 0;
    while (performance.now() < until) {
      const pipeline = redis.pipeline();
      for (let index = 0; index < batch; index++) {
        const stamp = nextStamp();
        const { member, sequence } = stamp;
        pipeline.evalsha(sha, 4, `id:${sequence}`, `seq:${member}`, `log:${member}`, `bell:${member}`, eventJson(stamp));
      }
      for (const [error] of (await pipeline.exec()) ?? []) if (error) throw error;
      appended += batch;
    }
    return appended;
  };
  return Array.from({ length: atOnce }, () => loop);
}

async function connect(url: string) {
  const log = createRedisLog({ url, logger });
  await log.ready;
  const redis = new Redis(url);
  // Its type is `unknown` for commands with sub-commands; SCRIPT LOAD answers the digest.
  const sha = String(await redis.script('LOAD', script));

  return async ({ how, batch, ms }: Append): Promise<AppendAnswer> => {
    await redis.flushall();
    let loops = scriptLoops(redis, sha, batch);
    if (how === 'lifeline') {
      const writers = Array.from({ length: atOnce }, (_, partition) => log.source(topic, partition));
      for (const writer of writers) {
        await writer.resume();
        await writer.begin(0);
      }
      loops = logLoops(writers, batch, []);
    }
    const { value, micros, cpuMicros } = await timed(async () => {
      const until = performance.now() + ms;
      return Promise.all(loops.map((loop) => loop(until)));
    });
    return { appended: value.reduce((sum, appended) => sum + appended, 0), micros, cpuMicros };
  };
}

let append: Awaited<ReturnType<typeof connect>> | undefined;

answer({
  async listen({ redisUrl }: { redisUrl: string }) {
    append = await connect(redisUrl);
    return {};
  },
  append(request: Append) {
    if (append === undefined) throw new Error('asked to append before `listen`');
    return append(request);
  },
});
