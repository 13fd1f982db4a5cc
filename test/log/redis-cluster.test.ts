import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import type { MemberEvent } from '../../src/event/event.ts';
import type { EventLog } from '../../src/log/log.ts';
import { createKeys } from '../../src/log/redis-keys.ts';
import { slotOf } from '../../src/log/redis-slot.ts';
import { createRedisLog, type RedisLogOptions } from '../../src/log/redis.ts';
import { makeCertificate } from '../support/certificate.ts';
import { freePort } from '../support/free-port.ts';
import { type ClusterOptions, startRedisCluster, type TestCluster } from '../support/redis-cluster.ts';
import { startRedis } from '../support/redis.ts';
import { eventLogContract } from './contract.ts';
import { feed, follow } from './feed.ts';
import { beginning, eventOf, idsOf, readAll, recordingLogger, recordsOf, unique, until } from './fixtures.ts';

const run = promisify(execFile);
const hashTags = 16;

const cleanUps: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp();
});

function connectTo(url: string, options: Partial<RedisLogOptions> = {}) {
  const logger = recordingLogger();
  const log = createRedisLog({ url, prefix: unique('test'), hashTags, logger, ...options });
  cleanUps.push(() => log.close());
  return { log, lines: logger.lines };
}

async function start(options: ClusterOptions = {}): Promise<TestCluster> {
  const cluster = await startRedisCluster(options);
  cleanUps.push(() => cluster.stop());
  return cluster;
}

/** Members of every hash tag, and the slot each of them is in. */
const keys = createKeys('test', hashTags);
const members = Array.from({ length: 48 }, (_, index) => `m${index}`);
const slotOfMember = (member: string) => slotOf(keys.member(member));

async function expectWhole(log: EventLog, events: readonly MemberEvent[]) {
  for (const member of members) {
    const own = events.filter((event) => event.member === member);
    expect(idsOf(await readAll(log, member))).toEqual(own.map((event) => event.id));
  }
}

describe('three nodes', () => {
  let cluster: TestCluster;
  beforeAll(async () => {
    cluster = await startRedisCluster();
  });
  afterAll(async () => {
    await cluster.stop();
  });

  eventLogContract('Redis Cluster', async ({ retention }) => {
    const { log } = connectTo(cluster.url, { retention });
    await log.ready;
    return log;
  });

  test('share the log: each holds a part, and each is asked once for what several of them hold', async () => {
    const { log } = connectTo(cluster.url, { prefix: 'shared' });
    await log.ready;
    const { append } = await beginning(log);
    await append(...members.map((member) => eventOf(member)));
    const sizes = await Promise.all(cluster.primaries.map(({ redis }) => redis.command('DBSIZE')));
    for (const size of sizes) expect(Number(size)).toBeGreaterThan(10);
    const reads = async () => {
      const stats = await Promise.all(cluster.primaries.map(({ redis }) => redis.command('INFO', 'stats')));
      return stats.map((text) => Number(/total_reads_processed:(\d+)/.exec(String(text))?.[1]));
    };
    const before = await reads();
    expect((await log.heads(members)).map((head) => head.sequence)).toEqual(members.map(() => 1));
    // INFO itself is a read, and so may be one look of the log at the node.
    for (const [index, after] of (await reads()).entries()) expect(after - (before[index] ?? 0)).toBeLessThanOrEqual(4);
  });

  test('are found from one of them, and one that does not exist does no harm', async () => {
    const port = cluster.primaries[2]?.redis.port ?? 0;
    const { log } = connectTo(`redis+cluster://127.0.0.1:1,127.0.0.1:${port}`);
    await log.ready;
    const { append } = await beginning(log);
    expect(await append(...members.map((member) => eventOf(member)))).toMatchObject({ appended: members.length });
  });

  test('are refused by a single address, with the sentence that says what to set', async () => {
    const { log } = connectTo(cluster.primaries[0]?.redis.url ?? '');
    await expect(log.ready).rejects.toThrow(/one node of a Cluster: set REDIS_URL to redis\+cluster:/);
  });

  test('are refused when the log is divided otherwise, though only one of them knows', async () => {
    await connectTo(cluster.url, { prefix: 'divided', hashTags: 4 }).log.ready;
    const { log } = connectTo(cluster.url, { prefix: 'divided', hashTags: 5 });
    await expect(log.ready).rejects.toThrow(/4 hash tags, not 5/);
    await expect(log.heads(['m'])).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });

  test('are refused while one of them may evict', async () => {
    const [, redis] = cluster.primaries.map((node) => node.redis);
    await redis?.command('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru');
    try {
      await expect(connectTo(cluster.url).log.ready).rejects.toThrow(/maxmemory-policy is allkeys-lru/);
    } finally {
      await redis?.command('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
    }
  });

  test('a user who may do no more than it has to, and the same password for all nodes', async () => {
    const permissions = (
      '-@all +hello +client|setname +info +ping +script|load +evalsha +eval +asking +cluster|info +cluster|slots +ssubscribe +sunsubscribe ' +
      '+spublish +time +get +set +del +pexpire +hget +hmget +hset +hsetnx +hdel +zadd +zcard +zrem +zscore +zrangebyscore'
    ).split(' ');
    for (const { redis } of cluster.primaries) {
      await redis.command('ACL', 'SETUSER', 'app', 'on', '>p,ss', '~guarded:*', '&guarded:*', ...permissions);
    }
    const { log } = connectTo(cluster.url.replace('redis://', 'redis://app:p,ss@'), { prefix: 'guarded' });
    await log.ready;
    const follower = await follow(log, members);
    const { append, source } = await beginning(log);
    const events = members.map((member) => eventOf(member));
    await append(...events);
    expect(await source.settle()).toEqual({ status: 'ok' });
    expect(await log.reap(async () => {})).toMatchObject({ buried: 0 });
    await until(() => follower.knowsAll(events), 'the rings');
  });

  test('closing leaves nothing that keeps the process alive', async () => {
    const child = (body: string) =>
      run(process.execPath, [
        '--input-type=module',
        '-e',
        `import { createRedisLog } from ${JSON.stringify(new URL('../../src/log/redis.ts', import.meta.url).href)};
         const quiet = { debug() {}, info() {}, warn() {}, error() {}, child: () => quiet };
         const open = (url) => createRedisLog({ url, prefix: 'closing', hashTags: 4, logger: quiet });
         ${body}`,
      ]);
    await child(
      `const log = open('${cluster.url}'); await log.ready; await log.listen('m', () => {}); await log.heads(['m']); await log.close();`,
    );
    await child(`const log = open('${cluster.url}'); await log.close();`);
    await child(`const log = open('redis+cluster://127.0.0.1:1'); await log.heads(['m']).catch(() => {}); await log.close();`);
  });
});

describe('a server that is no Cluster', () => {
  test('is refused by several addresses, with the sentence that says what to set', async () => {
    const redis = await startRedis({ own: true });
    cleanUps.push(() => redis.stop());
    const { log } = connectTo(`redis://127.0.0.1:${redis.port},127.0.0.1:${redis.port + 1}`);
    await expect(log.ready).rejects.toThrow(/no node of a Cluster: set REDIS_URL to one address/);
  });
});

describe('a Cluster that speaks TLS', () => {
  test('is used with its authority known', async () => {
    const certificate = await makeCertificate();
    cleanUps.push(() => certificate.remove());
    const args = ['--cluster-enabled', 'yes', '--tls-cluster', 'yes', '--cluster-port', String(await freePort())];
    const redis = await startRedis({ tls: certificate.files, args });
    cleanUps.push(() => redis.stop());
    await redis.command('CLUSTER', 'ADDSLOTSRANGE', 0, 16_383);
    await redis.command('ACL', 'SETUSER', 'app', 'on', '>p@ss', '~*', '&*', '+@all');
    const { log } = connectTo(`rediss+cluster://app:p%40ss@127.0.0.1:${redis.port}`, { tlsCa: certificate.pem });
    await log.ready;
    const follower = await follow(log, members);
    const { append } = await beginning(log);
    const events = members.map((member) => eventOf(member));
    await append(...events);
    await until(() => follower.knowsAll(events), 'the rings');
  });
});

describe('slots that move under load', () => {
  test('lose nothing, seem to lose nothing, and are listened to where they went', async () => {
    const cluster = await start();
    const { log } = connectTo(cluster.url, { prefix: 'test' });
    await log.ready;
    const follower = await follow(log, members);
    const { source } = await beginning(log);
    const load = feed(source, members);
    cleanUps.push(() => load.abort());
    await until(() => load.seen.next >= 500, 'the load');
    const slots = [...new Set([slotOf(keys.meta), ...members.map(slotOfMember)])];
    for (const [round, slot] of [...slots, ...slots.slice(0, 6)].entries()) {
      const owner = await cluster.ownerOf(slot);
      const to = cluster.primaries.filter((node) => node.id !== owner.id)[round % 2];
      if (to === undefined) throw new Error('There is no other node.');
      // One that has never been asked does not know the scripts it may be asked for with ASKING.
      if (round % 4 === 0) await to.redis.command('SCRIPT', 'FLUSH');
      const before = load.seen.next;
      await cluster.moveSlot(slot, to, { batch: 1 });
      await until(() => load.seen.next > before, 'the load to go on');
    }
    const events = await load.finish();
    expect(load.seen).toMatchObject({ failed: 0, gaps: 0 });
    await expectWhole(log, events);
    // What was rung on the new node before its channels were subscribed there is found because of the interruption.
    await until(() => follower.interruptions() > 0, 'the interruption');
    await until(() => follower.knowsAll(events), 'every event, heard or read because of an interruption');

    const late = members.map((member) => eventOf(member));
    const other = await beginning(log);
    await other.append(...late);
    await until(() => follower.knowsAll(late), 'rings from where the slots are now');
    await until(() => log.health().ok, 'health');
  });

  test('work half way too: what has arrived is used where it is, and what is new waits until the slot is whole', async () => {
    const cluster = await start();
    const { log } = connectTo(cluster.url, { prefix: 'test', hashTags: 1 });
    await log.ready;
    const { source, topic } = await beginning(log);
    const events = [eventOf('a'), eventOf('b')];
    await source.append(2, recordsOf(events));
    const slot = slotOf('{0}');
    const owner = await cluster.ownerOf(slot);
    const to = cluster.primaries.find((node) => node.id !== owner.id);
    if (to === undefined) throw new Error('There is no other node.');
    let half = 0;
    await cluster.moveSlot(slot, to, {
      batch: 1_000,
      between: async () => {
        half++;
        for (const flush of [true, false]) {
          // It is asked with ASKING for what it was never given.
          if (flush) await to.redis.command('SCRIPT', 'FLUSH');
          expect(idsOf(await readAll(log, 'a'))).toEqual([events[0]?.id]);
          expect((await log.heads(['a', 'b'])).map((head) => head.sequence)).toEqual([half, 1]);
          expect(await log.source(topic, 0).resume()).toEqual({ next: half + 1, known: half + 1 });
        }
        expect(await log.acknowledge('b', [events[1]?.id ?? ''], null)).toMatchObject({ acknowledged: [events[1]?.id] });
        await expect(source.append(3, recordsOf([eventOf('new')], 2))).rejects.toMatchObject({ code: 'UNAVAILABLE' });
        expect(log.health()).toMatchObject({ ok: false, reason: expect.stringContaining('between two nodes') }); // whichever node was asked last
      },
    });
    expect(half).toBe(1);
    expect(await source.append(3, recordsOf([eventOf('new')], 2))).toMatchObject({ status: 'ok', appended: 1 });
    expect(log.health()).toEqual({ ok: true });
    expect((await log.heads(['a', 'b', 'new'])).map((head) => head.sequence)).toEqual([1, 1, 1]);
  });

  test('to a node that had nothing, from one that is then gone for good', async () => {
    const cluster = await start({ spares: 1, args: ['--cluster-require-full-coverage', 'no'] });
    const { log } = connectTo(cluster.url, { prefix: 'test' });
    await log.ready;
    const follower = await follow(log, members);
    const { append } = await beginning(log);
    const events = members.map((member) => eventOf(member));
    await append(...events);
    const [gone, spare] = [cluster.primaries[0], cluster.spares[0]];
    if (gone === undefined || spare === undefined) throw new Error('There are too few nodes.');
    let moved = 0;
    for (const slot of new Set([keys.meta, ...members.map((member) => keys.member(member))].map(slotOf))) {
      if ((await cluster.ownerOf(slot)).id !== gone.id) continue;
      await cluster.moveSlot(slot, spare);
      moved++;
    }
    expect(moved).toBeGreaterThan(0);
    const more = members.map((member) => eventOf(member));
    expect(await append(...more)).toMatchObject({ status: 'ok', appended: more.length });
    await until(() => follower.knowsAll([...events, ...more]), 'every event, heard or read because of an interruption');
    await gone.redis.kill();
    const last = members.map((member) => eventOf(member));
    await until(async () => (await append(...last)).status === 'ok', 'the append');
    await expectWhole(log, [...events, ...more, ...last]);
    await until(() => follower.knowsAll(last), 'the rings');
    await until(() => log.health().ok, 'health');
  });
});

describe('a node that dies', () => {
  test('and whose replica takes over: its members are served again by themselves, what was lost is fed again, listeners are told', async () => {
    const cluster = await start({ replicas: true });
    const { log, lines } = connectTo(cluster.url, { prefix: 'test' });
    await log.ready;
    const follower = await follow(log, members);
    const { source } = await beginning(log);
    const load = feed(source, members);
    cleanUps.push(() => load.abort());
    await until(() => load.seen.next >= 500, 'the load');
    const before = await log.heads(members);
    const [dying] = cluster.primaries;
    const touched = new Set<string>();
    for (const member of members) if ((await cluster.ownerOf(slotOfMember(member))).id === dying?.id) touched.add(member);
    expect(touched.size).toBeGreaterThan(0);

    await dying?.redis.kill();
    await until(() => load.seen.failed > 0, 'the failure');
    expect(log.health()).toMatchObject({ ok: false });
    const failedAt = load.seen.next;
    await until(() => load.seen.next > failedAt + 500, 'the load to go on');
    const events = await load.finish();
    await expectWhole(log, events);
    await until(() => follower.interruptions() >= touched.size, 'the interruptions');
    await until(() => follower.knowsAll(events), 'every event, heard or read because of an interruption');
    const after = await log.heads(members);
    for (const [index, member] of members.entries()) {
      const [then, now] = [before[index], after[index]];
      expect(now?.epoch).toBe(then?.epoch);
      // Another primary may lack a suffix; the others' members are not troubled.
      if (touched.has(member)) expect(now?.generation).toBeGreaterThan(then?.generation ?? 0);
      else expect(now?.generation).toBe(then?.generation);
    }
    await until(() => log.health().ok, 'health');
    expect(lines.filter((line) => line.level === 'error')).toEqual([]);

    // It comes back as a replica; nobody takes it for what it was.
    await dying?.redis.restart();
    await until(async () => String(await dying?.redis.command('ROLE')).startsWith('slave'), 'the old primary to follow');
    const late = members.map((member) => eventOf(member));
    const other = await beginning(log);
    expect(await other.append(...late)).toMatchObject({ status: 'ok', appended: late.length });
    await until(() => follower.knowsAll(late), 'the rings');
  });

  test('and has no replica: health is red, its members wait, the others do not, and all is well when it is back', async () => {
    // everysec postpones writes, not only their fsync, while another fsync is under way.
    const args = ['--cluster-require-full-coverage', 'no', '--appendonly', 'yes', '--appendfsync', 'always'];
    const cluster = await start({ args });
    const { log } = connectTo(cluster.url, { prefix: 'test' });
    await log.ready;
    const { append } = await beginning(log);
    await append(...members.map((member) => eventOf(member)));
    const [dead] = cluster.primaries;
    const there: string[] = [];
    const elsewhere: string[] = [];
    for (const member of members) {
      ((await cluster.ownerOf(slotOfMember(member))).id === dead?.id ? there : elsewhere).push(member);
    }
    await dead?.redis.kill();
    await expect(log.heads(there)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await until(() => !log.health().ok, 'red health');
    await until(async () => (await log.heads(elsewhere)).every((head) => head.sequence === 1), 'the others');
    for (const member of there)
      await expect(log.read(member, { after: null, limit: 1 })).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await dead?.redis.restart();
    await until(() => log.health().ok, 'health');
    expect((await log.heads(members)).map((head) => head.sequence)).toEqual(members.map(() => 1));
  });
});
