import { afterEach, describe, expect, test } from 'vitest';

import type { Entry, Retention, Ring } from '../../src/log/log.ts';
import { createKeys } from '../../src/log/redis-keys.ts';
import { createRedisLog, type RedisLog } from '../../src/log/redis.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { beginning, eventOf, idsOf, readAll, recordingLogger, recordsOf, unique, until } from './fixtures.ts';
import { startProxy } from './proxy.ts';

const cleanUps: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp();
});

async function start(options: { aof?: boolean; args?: string[] } = {}): Promise<TestRedis> {
  const redis = await startRedis({ own: true, ...options });
  cleanUps.push(() => redis.stop());
  return redis;
}

async function connectTo(url: string, prefix = unique('test'), retention?: Retention): Promise<RedisLog> {
  const log = createRedisLog({ url, prefix, hashTags: 2, retention, logger: recordingLogger() });
  cleanUps.push(() => log.close());
  await log.ready;
  return log;
}

const back = (log: RedisLog) => until(() => log.health().ok, 'the log to be back');

describe('Redis restarts and finds its append-only file', () => {
  test('nothing is lost: another generation, the same epoch, cursors go on, the writer goes on, listeners are told', async () => {
    const redis = await start({ aof: true });
    const log = await connectTo(redis.url);
    const { append } = await beginning(log);
    const [a, b, c] = [eventOf('m'), eventOf('m'), eventOf('m')];
    await append(a, b);
    await log.acknowledge('m', [a.id], null);
    const cursor = (await readAll(log, 'm'))[0]?.position ?? null;
    const rings: Ring[] = [];
    await log.listen('m', (ring) => void rings.push(ring));

    await redis.restart();
    await until(() => rings.some((ring) => ring.kind === 'interrupted'), 'the interruption');
    await back(log);

    expect(await append(c)).toMatchObject({ status: 'ok', appended: 1 });
    await until(() => rings.some((ring) => ring.kind === 'entry' && ring.entry.event.id === c.id), 'the ring');
    const page = await log.read('m', { after: cursor, limit: 10 });
    expect(page).toMatchObject({ continuity: 'kept', head: { epoch: cursor?.epoch, generation: (cursor?.generation ?? 0) + 1 } });
    expect(idsOf(page.entries)).toEqual([b.id, c.id]);
  });

  test('every kind of call works when the server has forgotten the scripts under a living connection', async () => {
    const redis = await start();
    const log = await connectTo(redis.url);
    const { append, source } = await beginning(log);
    const event = eventOf('m');
    const calls = [
      () => append(event, eventOf('n')),
      () => log.read('m', { after: null, limit: 1 }),
      () => log.fetch('m', [1]),
      () => log.heads(['m', 'n']),
      () => log.acknowledge('m', [event.id], null),
      () => log.reap(async () => {}),
      () => source.settle(),
    ];
    for (const call of calls) {
      await redis.command('SCRIPT', 'FLUSH');
      await call();
    }
    expect((await readAll(log, 'm'))[0]?.acknowledgedAt).toEqual(expect.any(Number));
  });
});

describe('Redis loses everything', () => {
  test('the gap has no position, cursors are of a lost log, and all of it can be fed again', async () => {
    const redis = await start();
    const prefix = unique('test');
    const log = await connectTo(redis.url, prefix);
    const { append, source } = await beginning(log);
    const events = [eventOf('m'), eventOf('m')];
    await append(...events);
    const [cursor] = await log.heads(['m']);
    await redis.command('FLUSHALL');

    expect(await source.verify()).toEqual({ status: 'gap', next: null });
    expect(await source.append(3, recordsOf([eventOf('m')], 2))).toEqual({ status: 'gap', next: null });
    expect(await source.resume()).toEqual({ next: null, known: null });
    const page = await log.read('m', { after: cursor ?? null, limit: 10 });
    expect(page).toMatchObject({ continuity: 'lost', entries: [], head: { sequence: 0 } });
    expect(page.head.epoch).not.toBe(cursor?.epoch);

    await source.begin(0);
    expect(await source.append(2, recordsOf(events, 0, true))).toMatchObject({ status: 'ok', appended: 2 });
    const again = await readAll(log, 'm');
    expect(idsOf(again)).toEqual(events.map((event) => event.id));
    expect(again.every((entry) => entry.refed)).toBe(true);
    const hashTags = () => redis.command('HGET', `${prefix}:meta`, 'hashTags');
    await until(async () => (await hashTags()) === '2', 'the number of hash tags to be on record again');
  });

  test('one hash tag that lost its part asks for a beginning, and the others keep theirs', async () => {
    const redis = await start();
    const prefix = unique('test');
    const log = await connectTo(redis.url, prefix);
    const { source, topic } = await beginning(log);
    await source.append(5, []);
    await source.settle();
    await redis.command('DEL', `${prefix}:{1}:part`);
    expect(await source.verify()).toEqual({ status: 'gap', next: null });
    expect(await log.source(topic, 0).resume()).toEqual({ next: null, known: 5 });
    await source.begin(3);
    expect(await source.resume()).toEqual({ next: 3, known: 3 });
  });
});

describe('Redis loses a suffix', () => {
  test('a promoted replica that lacks the last entries shows: gap, rewound cursors, and the same sequence never passes for another event', async () => {
    const primary = await start({ args: ['--repl-diskless-sync-delay', '0'] });
    const replica = await start({ args: ['--replicaof', '127.0.0.1', String(primary.port)] });
    const proxy = await startProxy(primary.port);
    cleanUps.push(() => proxy.stop());
    const log = await connectTo(proxy.url);
    const { append, source } = await beginning(log);
    const kept = [eventOf('m'), eventOf('m')];
    const lost = [eventOf('m'), eventOf('m')];
    await append(...kept);
    await until(async () => Number(await primary.command('WAIT', 1, 100)) === 1, 'the replica');
    const early = (await readAll(log, 'm'))[1]?.position ?? null;
    await replica.command('REPLICAOF', 'NO', 'ONE');
    await append(...lost);
    const [late] = await log.heads(['m']);
    proxy.switchTo(replica.port);

    const append5 = () => source.append(5, recordsOf([eventOf('m')], 4)).catch(() => false as const);
    expect(await until(append5, 'an answer of the replica')).toEqual({ status: 'gap', next: 2 });
    expect((await log.read('m', { after: late ?? null, limit: 10 })).continuity).toBe('rewound');
    // Another writer's events take the sequences that the lost ones had: the late cursor must not pass for one of these.
    const others = [eventOf('m'), eventOf('m'), eventOf('m')];
    const other = await beginning(log);
    await other.append(...others);
    expect(await log.read('m', { after: late ?? null, limit: 10 })).toMatchObject({ continuity: 'rewound' });
    expect(await log.read('m', { after: early, limit: 10 })).toMatchObject({ continuity: 'kept' });
    expect(await source.append(4, recordsOf(lost, 2, true))).toMatchObject({ status: 'ok', appended: 2 });
    expect(idsOf(await readAll(log, 'm'))).toEqual([...kept, ...others, ...lost].map((event) => event.id));
    expect((await log.heads(['m']))[0]?.generation).toBeGreaterThan(late?.generation ?? 0);
  });

  test('hash tags that fell back differently far, noticed one after the other: reading again begins at the lowest and stays there', async () => {
    const redis = await start();
    const prefix = unique('test');
    const log = await connectTo(redis.url, prefix);
    const keys = createKeys(prefix, 2);
    const [a, b] = ['a', ['b', 'c', 'd', 'e'].find((member) => keys.partOf(member) !== keys.partOf('a')) ?? ''];
    const copy = async (member: string, from: string, to: string) => {
      const part = keys.partOf(member);
      for (const key of [keys.part(part), keys.due(part), keys.member(member)]) {
        await redis.command('DEL', `${key}${to}`);
        await redis.command('COPY', `${key}${from}`, `${key}${to}`);
      }
    };
    const events = Array.from({ length: 13 }, (_, offset) => eventOf(offset % 2 === 0 ? b : a));
    const { source } = await beginning(log);
    const feed = (from: number, to: number) => source.append(to, recordsOf(events.slice(from, to), from));
    await feed(0, 4);
    await copy(b, '', ':replica');
    await feed(4, 8);
    await copy(a, '', ':replica');
    await feed(8, 12);
    for (const member of [a, b]) await copy(member, ':replica', '');

    expect(await feed(12, 13)).toEqual({ status: 'gap', next: 4 }); // nothing in it for the other tag
    expect(await source.verify()).toEqual({ status: 'gap', next: 4 });
    expect(await feed(4, 13)).toMatchObject({ status: 'ok', appended: 7 });
    for (const member of [a, b]) {
      const own = events.filter((event) => event.member === member);
      expect(idsOf(await readAll(log, member))).toEqual(own.map((event) => event.id));
    }
  });

  test('an append that was applied though its answer never came is known when it is sent again', async () => {
    const redis = await start({ aof: true });
    const proxy = await startProxy(redis.port);
    cleanUps.push(() => proxy.stop());
    const log = await connectTo(proxy.url);
    const { source } = await beginning(log);
    for (let round = 0; round < 20; round++) {
      const events = Array.from({ length: 10 }, () => eventOf('m'));
      const append = () => source.append((round + 1) * 10, recordsOf(events, round * 10));
      const first = append().catch((error: unknown) => error);
      if (round % 2 === 0) proxy.cut();
      else setImmediate(() => proxy.cut());
      await first;
      expect(await until(() => append().catch(() => false as const), 'the append')).toMatchObject({ status: 'ok' });
      expect((await log.heads(['m']))[0]?.sequence).toBe((round + 1) * 10);
    }
  });

  test('what was written without its position, because the process died between, is known when it comes again', async () => {
    const redis = await start();
    const prefix = unique('test');
    const log = await connectTo(redis.url, prefix);
    const { append, topic } = await beginning(log);
    const events = [eventOf('m'), eventOf('m'), eventOf('n'), eventOf('m')];
    await append(...events);
    for (const part of [0, 1]) await redis.command('HSET', `${prefix}:{${part}}:part`, `off:${topic}:0`, 0);
    const successor = log.source(topic, 0);
    expect(await successor.resume()).toEqual({ next: 0, known: 0 });
    expect(await successor.append(5, recordsOf([...events, eventOf('n')]))).toMatchObject({ appended: 1, duplicates: 4 });
    expect((await log.heads(['m', 'n'])).map((head) => head.sequence)).toEqual([3, 2]);
  });
});

describe('Redis refuses to write', () => {
  test('a script that fails leaves whole entries and no position, health says why, and the same batch goes through once the cause is gone', async () => {
    const redis = await start();
    const prefix = unique('test');
    const log = createRedisLog({ url: redis.url, prefix, hashTags: 1, logger: recordingLogger() });
    cleanUps.push(() => log.close());
    await log.ready;
    const { source, topic } = await beginning(log);
    const records = recordsOf([eventOf('a'), eventOf('b'), eventOf('c')]);
    // What the key of another type is for fails, and what comes behind it in the hash tag; for `due` that is everything.
    for (const [broken, heads] of [
      [`${prefix}:{0}:due`, [0, 0, 0]],
      [`${prefix}:{0}:m:b`, [1, 0, 0]],
    ] as const) {
      await redis.command('SET', broken, 'not what it should be');
      await expect(source.append(3, records)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
      expect(log.health()).toMatchObject({ ok: false, reason: expect.stringContaining('WRONGTYPE') });
      await redis.command('DEL', broken);
      expect((await log.heads(['a', 'b', 'c'])).map((head) => head.sequence)).toEqual(heads);
      expect(await redis.command('HGET', `${prefix}:{0}:part`, `off:${topic}:0`)).toBe('0');
    }
    expect(await source.append(3, records)).toMatchObject({ status: 'ok', appended: 2, duplicates: 1 });
    expect((await log.heads(['a', 'b', 'c'])).map((head) => head.sequence)).toEqual([1, 1, 1]);
    expect(log.health()).toEqual({ ok: true });
  });

  test('a hash tag that cannot be written keeps no other tag of its batch back', async () => {
    const redis = await start();
    const prefix = unique('test');
    const log = createRedisLog({ url: redis.url, prefix, hashTags: 2, logger: recordingLogger() });
    cleanUps.push(() => log.close());
    await log.ready;
    const { source } = await beginning(log);
    const records = recordsOf([eventOf('m'), eventOf('n')]); // of two tags
    await redis.command('SET', `${prefix}:{0}:due`, 'not what it should be');
    await expect(source.append(2, records)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect((await log.heads(['m', 'n'])).map((head) => head.sequence).toSorted((a, b) => a - b)).toEqual([0, 1]);
    await redis.command('DEL', `${prefix}:{0}:due`);
    expect(await source.append(2, records)).toMatchObject({ status: 'ok', appended: 1, duplicates: 0, stale: 1 });
    expect((await log.heads(['m', 'n'])).map((head) => head.sequence)).toEqual([1, 1]);
  });

  test('out of memory: appends write nothing, reads and acknowledgements go on, and the batch goes through afterwards', async () => {
    const redis = await start();
    const log = await connectTo(redis.url);
    const { append, source } = await beginning(log);
    const event = eventOf('m');
    await append(event);
    await redis.command('CONFIG', 'SET', 'maxmemory', 1);
    const records = recordsOf([eventOf('m'), eventOf('n')], 1);
    await expect(source.append(3, records)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(log.health()).toMatchObject({ ok: false, reason: expect.stringContaining('OOM') });
    expect(idsOf(await readAll(log, 'm'))).toEqual([event.id]);
    expect(await log.acknowledge('m', [event.id], null)).toMatchObject({ acknowledged: [event.id] });
    expect(await log.reap(async () => {})).toMatchObject({ unburied: 0 });
    await redis.command('CONFIG', 'SET', 'maxmemory', 0);
    expect(await source.append(3, records)).toMatchObject({ status: 'ok', appended: 2, stale: 0 });
    expect(log.health()).toEqual({ ok: true });
  });
});

describe('housekeeping', () => {
  test('one member whose log is broken is reported, and the others are taken care of all the same', async () => {
    const redis = await start();
    const prefix = unique('test');
    const log = await connectTo(redis.url, prefix);
    const { append } = await beginning(log);
    const members = Array.from({ length: 20 }, (_, index) => `m${index}`);
    await append(...members.map((member) => eventOf(member, unique('expired'), { expiresAt: 1 })));
    for (const part of [0, 1]) {
      if (Number(await redis.command('EXISTS', `${prefix}:{${part}}:m:m7`)) === 0) continue;
      await redis.command('SET', `${prefix}:{${part}}:m:m7`, 'not what it should be');
    }
    const buried: string[] = [];
    const bury = async (entries: readonly Entry[]) => void buried.push(...entries.map((entry) => entry.event.member));
    await expect(log.reap(bury)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(buried.toSorted()).toEqual(members.filter((member) => member !== 'm7').toSorted());
  });

  test('a reaper that died half way is followed by another once its lease runs out', async () => {
    const redis = await start();
    const prefix = unique('test');
    const log = await connectTo(redis.url, prefix);
    const { append } = await beginning(log);
    await append(eventOf('m', unique('expired'), { expiresAt: 1 }));
    for (const part of [0, 1]) await redis.command('SET', `${prefix}:{${part}}:reaper`, 'somebody', 'PX', 300);
    expect(await log.reap(async () => {})).toMatchObject({ buried: 0 });
    await until(async () => (await log.reap(async () => {})).buried === 1, 'the burial');
  });

  test('an event that took the sequence of the one being buried, after a loss of data, stays pending', async () => {
    const redis = await start();
    const log = await connectTo(redis.url);
    const expiring = (name: string) => eventOf('m', unique(name), { expiresAt: Date.now() + 50 });
    const [lost, taking] = [expiring('lost'), expiring('taking')];
    await (await beginning(log)).append(lost);
    const buried: string[][] = [];
    const bury = async (entries: readonly Entry[]) => {
      buried.push(entries.map((entry) => entry.event.id));
      if (buried.length > 1) return;
      await redis.command('FLUSHALL');
      await (await beginning(log)).append(taking);
      await until(async () => (await log.fetch('m', [1]))[0] === null, 'its expiry');
    };
    await until(async () => {
      await log.reap(bury);
      return buried.length > 1;
    }, 'both burials');
    expect(buried).toEqual([[lost.id], [taking.id]]);
  });

  test('a due list that was lost by itself is made anew by what comes after the visits it had', async () => {
    const redis = await start();
    const prefix = unique('test');
    const log = await connectTo(redis.url, prefix);
    const { append } = await beginning(log);
    const expiring = () => eventOf('m', unique('expiring'), { expiresAt: Date.now() + 50 });
    await append(expiring());
    for (const part of [0, 1]) await redis.command('DEL', `${prefix}:{${part}}:due`);
    await until(async () => (await log.fetch('m', [1]))[0] === null, 'its expiry');
    await append(expiring());
    let buried = 0;
    await until(async () => {
      ({ buried } = await log.reap(async () => {}));
      return buried > 0;
    }, 'the burial');
    expect(buried).toBe(2);
  });

  test('what is acknowledged in the middle of a visit is trimmed in its time as well', async () => {
    const redis = await start();
    const prefix = unique('test');
    const log = await connectTo(redis.url, prefix, { acknowledgedForMs: 100, acknowledgedAtMost: 512, idsForMs: 3_600_000 });
    const { append } = await beginning(log);
    const events = Array.from({ length: 10_000 }, () => eventOf('m')); // 20 calls for a visit
    await append(...events);
    const acknowledge = (index: number) => log.acknowledge('m', [events[index]?.id ?? ''], null);
    const reaping = async () =>
      (await Promise.all([0, 1].map((part) => redis.command('EXISTS', `${prefix}:{${part}}:reaper`)))).map(Number).includes(1);
    let trimmed = 0;
    await acknowledge(0);
    let visiting = true;
    const visits = until(async () => {
      ({ trimmed } = await log.reap(async () => {}));
      return trimmed > 0;
    }, 'the first one trimmed').finally(() => (visiting = false));
    await until(async () => (await reaping()) || !visiting, 'a visit');
    await acknowledge(1);
    await visits;
    await until(async () => {
      trimmed += (await log.reap(async () => {})).trimmed;
      return trimmed === 2;
    }, 'the second one trimmed');
  });

  test('a member with nothing left is not visited again, and keeps only where it stood', async () => {
    const redis = await start();
    const prefix = unique('test');
    const log = await connectTo(redis.url, prefix, { acknowledgedForMs: 0, acknowledgedAtMost: 512, idsForMs: 0 });
    const { append } = await beginning(log);
    const events = [eventOf('m'), eventOf('m', unique('expired'), { expiresAt: 1 })];
    await append(...events, eventOf('m', unique('p'), { type: 'rte.progress', expiresAt: null }));
    await log.acknowledge('m', [events[0]?.id ?? ''], null);
    const dues = async () =>
      (await Promise.all([0, 1].map((part) => redis.command('ZCARD', `${prefix}:{${part}}:due`)))).map(Number);
    await until(async () => {
      await log.reap(async () => {});
      return (await dues()).every((due) => due === 0);
    }, 'nothing due');
    const fields = await Promise.all([0, 1].map((part) => redis.command('HKEYS', `${prefix}:{${part}}:m:m`)));
    expect(fields.flat().map(String).toSorted()).toEqual(['a', 'c', 'f', 'lo', 'n', 's']);
    const kept = await Promise.all([0, 1].map((part) => redis.command('PTTL', `${prefix}:{${part}}:latest:/member/m/rte/w1`)));
    expect(Math.max(...kept.map(Number))).toBeGreaterThan(0);
    expect(Math.max(...kept.map(Number))).toBeLessThanOrEqual(60_000);
  });
});

describe('long logs', () => {
  test('5 000 pending entries of one member are read in pages, each once and in order', async () => {
    const redis = await start();
    const log = await connectTo(redis.url);
    const { append } = await beginning(log);
    const events = Array.from({ length: 5_000 }, () => eventOf('m'));
    for (let at = 0; at < events.length; at += 500) await append(...events.slice(at, at + 500));
    expect(idsOf(await readAll(log, 'm'))).toEqual(events.map((event) => event.id));
    expect(idsOf(await readAll(log, 'm', { limit: 37, from: 4_000 }))).toEqual(events.slice(4_000).map((event) => event.id));
  });

  test('a page stays below about a MiB however large its entries are, and one entry always fits', async () => {
    const redis = await start();
    const log = await connectTo(redis.url);
    const { append } = await beginning(log);
    const events = Array.from({ length: 40 }, () => eventOf('m', unique('big'), { data: { text: 'x'.repeat(60_000) } }));
    await append(...events);
    const page = await log.read('m', { after: null, limit: 1_000 });
    const bytes = page.entries.reduce((sum, entry) => sum + JSON.stringify(entry).length, 0);
    expect(bytes).toBeLessThan(1.1 * 1024 * 1024);
    expect(bytes).toBeGreaterThan(0.8 * 1024 * 1024);
    expect(page.done).toBe(false);
    expect(idsOf(await readAll(log, 'm'))).toEqual(events.map((event) => event.id));
  });

  test('a scan past thousands of acknowledged entries comes back in bounded steps', async () => {
    const redis = await start();
    const log = await connectTo(redis.url, unique('test'), {
      acknowledgedForMs: 60_000,
      acknowledgedAtMost: 512,
      idsForMs: 3_600_000,
    });
    const { append } = await beginning(log);
    const events = Array.from({ length: 4_502 }, () => eventOf('m'));
    await append(...events);
    await log.acknowledge(
      'm',
      events.slice(1, -1).map((event) => event.id),
      null,
    );
    const page = await log.read('m', { after: null, limit: 10, pendingOnly: true });
    expect(page.done).toBe(false);
    expect(page.scannedTo).toBeLessThan(2_100);
    expect(idsOf(await readAll(log, 'm', { pendingOnly: true }))).toEqual([events[0]?.id, events.at(-1)?.id]);
    await log.acknowledge('m', [events[0]?.id ?? ''], null);
    expect(idsOf(await readAll(log, 'm', { pendingOnly: true }))).toEqual([events.at(-1)?.id]);
    const { trimmed } = (await until(async () => {
      const report = await log.reap(async () => {});
      return report.trimmed > 0 ? report : false;
    }, 'the trimming')) as { trimmed: number };
    expect(trimmed).toBe(4_501 - 512);
  });
});
