import { createMemoryLog } from '../../src/log/memory.ts';
import { createKeys } from '../../src/log/redis-keys.ts';
import { createRedisLog } from '../../src/log/redis.ts';
import type { AppendResult, EventLog, Gap, Page, Position, SourceWriter } from '../../src/log/log.ts';
import type { TestRedis } from '../support/redis.ts';
import { recordingLogger, unique } from './fixtures.ts';

/** A log with a store that can be made to lose what it had. */
export interface LossyLog {
  readonly log: EventLog;
  /** Notes how the store is now, as a backup or a replica has it. */
  keep(): Promise<void>;
  /** Back to how it was then. */
  restore(): Promise<void>;
  wipe(): Promise<void>;
  /** Whoever answers from now on is another server. */
  another(): Promise<void>;
  close(): Promise<void>;
}

const hashTags = 2;

/** @param beside where it puts what it keeps */
export async function lossyRedis(redis: TestRedis, beside: TestRedis): Promise<LossyLog> {
  const prefix = unique('property');
  const log = createRedisLog({ url: redis.url, prefix, hashTags, logger: recordingLogger() });
  await log.ready;
  const keys = createKeys(prefix, hashTags);
  const copy = async (from: TestRedis, to: TestRedis) => {
    await to.command('FLUSHALL');
    const all = (await from.command('KEYS', '*')) as string[]; // its answer is a list of names
    if (all.length > 0) await from.command('MIGRATE', '127.0.0.1', to.port, '', 0, 5_000, 'COPY', 'KEYS', ...all);
  };
  return {
    log,
    keep: () => copy(redis, beside),
    restore: () => copy(beside, redis),
    async wipe() {
      await redis.command('FLUSHALL');
    },
    async another() {
      for (let part = 0; part < hashTags; part++) {
        // The other way round than in life: the same server, and the log was last served by another one. A part without data has no server.
        const known = await redis.command('HEXISTS', keys.part(part), 'e');
        if (known === 1) await redis.command('HSET', keys.part(part), 'r', unique('run'));
      }
    },
    async close() {
      await log.close();
      await Promise.all([redis, beside].map((server) => server.command('FLUSHALL')));
    },
  };
}

/** The memory log loses nothing by itself: here it is built anew from what had happened to it by then. */
export function lossyMemory(): LossyLog {
  interface Store {
    readonly log: EventLog;
    /** What it calls itself, and what it is called outside: one name over all restorations of the same data. */
    readonly inner: string;
    readonly outer: string;
  }
  type Change = (log: EventLog) => Promise<unknown>;
  let changes: Change[] = [];
  let kept: { readonly changes: readonly Change[]; readonly outer: string } | null = null;
  let lives = 0;
  let incarnation = 0;

  const open = async (outer: string): Promise<Store> => {
    const log = createMemoryLog();
    const [head] = await log.heads(['nobody']);
    return { log, inner: head?.epoch ?? '', outer };
  };
  let opening = open(`life-${++lives}`);
  const replace = async (outer: string, past: readonly Change[]) => {
    incarnation++;
    opening = open(outer);
    changes = [...past];
    const { log } = await opening;
    for (const change of past) await change(log);
  };
  const change = async <T>(apply: (log: EventLog) => Promise<T>): Promise<T> => {
    changes.push(apply);
    return apply((await opening).log);
  };

  const out = async (position: Position): Promise<Position> => ({ ...position, epoch: (await opening).outer });
  const source: EventLog['source'] = (topic, partition) => {
    let believed: number | null = null;
    let met = incarnation;
    /** What a writer that lived through it would be told first. */
    const loss = async (): Promise<Gap | null> => {
      if (met === incarnation) return null;
      met = incarnation;
      const { next } = await (await opening).log.source(topic, partition).resume();
      const gap = next === null || believed === null || next < believed;
      if (gap) believed = next;
      return gap ? { status: 'gap', next } : null;
    };
    /** Every call has a writer of its own: their beliefs do not survive what the store does not. */
    const writer = async (log: EventLog): Promise<SourceWriter> => {
      const fresh = log.source(topic, partition);
      await fresh.resume();
      return fresh;
    };
    return {
      async resume() {
        met = incarnation;
        const position = await (await opening).log.source(topic, partition).resume();
        believed = position.next;
        return position;
      },
      begin: (offset) => change(async (log) => (await writer(log)).begin(offset)),
      async append(to, records): Promise<AppendResult> {
        const gap = await loss();
        if (gap !== null) return gap;
        const result = await change(async (log) => (await writer(log)).append(to, records));
        if (result.status === 'ok') believed = Math.max(believed ?? 0, to);
        return result;
      },
      verify: async () => (await loss()) ?? { status: 'ok' },
      settle: async () => (await loss()) ?? { status: 'ok' },
      restart: (offset) => change(async (log) => (await writer(log)).restart(offset)),
    };
  };

  const log: EventLog = {
    source,
    partOf: () => 0,
    async read(member, request) {
      const { log: store, inner, outer } = await opening;
      const after = request.after && { ...request.after, epoch: request.after.epoch === outer ? inner : 'another' };
      const page: Page = await store.read(member, { ...request, after });
      const entries = await Promise.all(page.entries.map(async (entry) => ({ ...entry, position: await out(entry.position) })));
      return { ...page, entries, head: await out(page.head) };
    },
    fetch: async (member, sequences) => (await opening).log.fetch(member, sequences),
    heads: async (members) => Promise.all((await (await opening).log.heads(members)).map(out)),
    latest: async (member, channel) => (await opening).log.latest(member, channel),
    acknowledge: (member, ids, accounts) => change((store) => store.acknowledge(member, ids, accounts)),
    listen: async (member, onRing) => (await opening).log.listen(member, onRing),
    reap: (bury) => {
      let told = false;
      return change((store) =>
        store.reap(async (expired) => {
          if (!told) await bury(expired);
        }),
      ).finally(() => (told = true));
    },
    health: () => ({ ok: true }),
    close: async () => (await opening).log.close(),
  };
  return {
    log,
    async keep() {
      kept = { changes: [...changes], outer: (await opening).outer };
    },
    async restore() {
      if (kept !== null) await replace(kept.outer, kept.changes);
    },
    wipe: () => replace(`life-${++lives}`, []),
    another: async () => undefined, // there is no other one
    close: () => log.close(),
  };
}
