import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, describe, expect, test } from 'vitest';

import type { Ring } from '../../src/log/log.ts';
import { createRedisLog, type RedisLog, type RedisLogOptions } from '../../src/log/redis.ts';
import { type RedisOptions, startRedis, type TestRedis } from '../support/redis.ts';
import { beginning, eventOf, idsOf, passing, readAll, recordingLogger, unique, until } from './fixtures.ts';
import { startProxy } from './proxy.ts';

const run = promisify(execFile);

const cleanUps: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp();
});

async function start(options: RedisOptions = {}): Promise<TestRedis> {
  const redis = await startRedis({ own: true, ...options });
  cleanUps.push(() => redis.stop());
  return redis;
}

function connectTo(url: string, options: Partial<RedisLogOptions> = {}) {
  const logger = recordingLogger();
  const log = createRedisLog({ url, prefix: 'test', hashTags: 2, logger, ...options });
  cleanUps.push(() => log.close());
  return { log, lines: logger.lines };
}

/** Everything a log does, once. */
async function exercise(log: RedisLog) {
  const member = unique('m');
  const rings: Ring[] = [];
  const listener = await log.listen(member, (ring) => void rings.push(ring));
  const { append, source } = await beginning(log);
  const event = eventOf(member);
  expect(await append(event, eventOf(member, unique('p'), passing), eventOf(member, unique('x'), { expiresAt: 1 }))).toMatchObject({
    status: 'ok',
    appended: 3,
  });
  expect(await source.settle()).toEqual({ status: 'ok' });
  expect(await source.verify()).toEqual({ status: 'ok' });
  expect(idsOf(await readAll(log, member))).toEqual([event.id]);
  expect(idsOf(await log.fetch(member, [1]))).toEqual([event.id]);
  expect(await log.latest(member, event.channel)).toMatchObject({ expiresAt: null });
  expect(await log.acknowledge(member, [event.id], null)).toMatchObject({ acknowledged: [event.id] });
  expect(await log.reap(async () => {})).toMatchObject({ buried: 1 });
  await until(() => rings.length === 4, 'the rings');
  listener.close();
}

async function allKeys(redis: TestRedis): Promise<string[]> {
  const keys = await redis.command('KEYS', '*');
  return Array.isArray(keys) ? keys.map(String) : [];
}

describe('Redis is not there', () => {
  test('a log can be made all the same: calls reject within seconds, health is red with the reason, one line says so', async () => {
    const redis = await start();
    await redis.kill();
    const { log, lines } = connectTo(redis.url);
    const source = log.source('t', 0);
    const begun = performance.now();
    const calls = [log.heads(['m']), log.listen('m', () => {}), source.resume(), log.acknowledge('m', ['x'], null)];
    for (const result of await Promise.allSettled(calls)) {
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'UNAVAILABLE' } });
    }
    expect(performance.now() - begun).toBeLessThan(10_000);
    await until(() => !log.health().ok && JSON.stringify(log.health()).includes('ECONNREFUSED'), 'the reason');
    await expect(log.heads(['m'])).rejects.toMatchObject({ code: 'UNAVAILABLE' });

    await redis.restart();
    await log.ready;
    await until(() => log.health().ok, 'health');
    await exercise(log);
    // Two connections: each says once that it is down and once that it is back, whatever the number of attempts.
    expect(lines.map((line) => line.level).toSorted()).toEqual(['info', 'info', 'warn', 'warn']);
  });

  test('a Redis that hangs is given up within seconds, and used again when it answers', async () => {
    const redis = await start();
    const { log, lines } = connectTo(redis.url);
    await log.ready;
    const rings: string[] = [];
    await log.listen('m', (ring) => void rings.push(ring.kind));
    const { append } = await beginning(log);
    await append(eventOf('m'));
    redis.pause();
    const begun = performance.now();
    await expect(log.heads(['m'])).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await expect(append(eventOf('m'))).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(performance.now() - begun).toBeLessThan(10_000);
    await until(() => lines.filter((line) => line.level === 'warn').length === 2, 'both connections to be given up');
    expect(log.health().ok).toBe(false);
    redis.resume();
    await until(() => log.health().ok, 'green health');
    await until(() => rings.includes('interrupted'), 'the interruption');
    await exercise(log);
  });

  test('a connection that is cut again and again costs rings, never entries, and every cut is told', async () => {
    const redis = await start();
    const proxy = await startProxy(redis.port);
    cleanUps.push(() => proxy.stop());
    const { log } = connectTo(proxy.url);
    await log.ready;
    const { log: writer } = connectTo(redis.url);
    await writer.ready;
    const { append } = await beginning(writer);

    const known = new Set<string>();
    let unread = false;
    const listener = await log.listen('m', (ring) => {
      if (ring.kind === 'entry') known.add(ring.entry.event.id);
      if (ring.kind === 'interrupted') unread = true;
    });
    const events = Array.from({ length: 200 }, () => eventOf('m'));
    for (const [index, event] of events.entries()) {
      await append(event);
      if (index % 40 === 20) proxy.cut();
      if (index % 40 === 39) await until(() => log.health().ok, 'the connection');
    }
    await until(async () => {
      if (unread) {
        unread = false;
        for (const entry of await readAll(log, 'm').catch(() => ((unread = true), []))) known.add(entry.event.id);
      }
      return known.size === events.length;
    }, 'every event, heard or read because of an interruption');
    listener.close();
  });

  test('a member that is listened to again and again, also while the connection is cut, is heard in the end', async () => {
    const redis = await start();
    const proxy = await startProxy(redis.port);
    cleanUps.push(() => proxy.stop());
    const { log } = connectTo(proxy.url);
    await log.ready;
    for (let round = 0; round < 30; round++) {
      const attempts = [log.listen('m', () => {}), log.listen('m', () => {}), log.listen('n', () => {})];
      if (round % 3 === 0) proxy.cut();
      for (const result of await Promise.allSettled(attempts)) if (result.status === 'fulfilled') result.value.close();
    }
    await until(() => log.health().ok, 'the connection');
    await exercise(log);
    await until(async () => {
      const numbers = await redis.command(
        'PUBSUB',
        'NUMSUB',
        'test:{0}:bell:m',
        'test:{1}:bell:m',
        'test:{0}:bell:n',
        'test:{1}:bell:n',
      );
      return Array.isArray(numbers) && numbers.filter((each) => typeof each === 'number').every((each) => each === 0);
    }, 'no subscription left');
  });
});

describe('a Redis that must not be used', () => {
  test('may evict: refused with a sentence, and accepted once that is mended', async () => {
    const redis = await start({ args: ['--maxmemory-policy', 'allkeys-lru'] });
    const { log, lines } = connectTo(redis.url);
    await expect(log.ready).rejects.toThrow(/maxmemory-policy is allkeys-lru.*CONFIG SET maxmemory-policy noeviction/);
    expect(log.health()).toMatchObject({ ok: false, reason: expect.stringContaining('allkeys-lru') });
    await expect(log.heads(['m'])).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await redis.command('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
    await until(() => log.health().ok, 'green health');
    await exercise(log);
    expect(lines.filter((line) => line.level === 'warn')).toHaveLength(1);
  });

  test('is divided otherwise: refused with a sentence', async () => {
    const redis = await start();
    await connectTo(redis.url, { hashTags: 2 }).log.ready;
    await expect(connectTo(redis.url, { hashTags: 3 }).log.ready).rejects.toThrow(/2 hash tags, not 3/);
    await connectTo(redis.url, { hashTags: 3, prefix: 'elsewhere' }).log.ready;
  });

  test('is a replica: not used until it is promoted', async () => {
    const primary = await start({ args: ['--repl-diskless-sync-delay', '0'] });
    const replica = await start({ args: ['--replicaof', '127.0.0.1', String(primary.port)] });
    const { log } = connectTo(replica.url);
    await until(() => JSON.stringify(log.health()).includes('replica'), 'the reason');
    await expect(log.heads(['m'])).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await replica.command('REPLICAOF', 'NO', 'ONE');
    await log.ready;
    await until(() => log.health().ok, 'green health');
    await exercise(log);
  });

  test('is demoted under a living connection: not used any more, until it is a primary again', async () => {
    const redis = await start();
    const gone = await start();
    const { log } = connectTo(redis.url);
    await log.ready;
    await gone.kill();
    await redis.command('REPLICAOF', '127.0.0.1', gone.port);
    await until(() => JSON.stringify(log.health()).includes('replica'), 'the reason');
    await expect(log.heads(['m'])).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await redis.command('REPLICAOF', 'NO', 'ONE');
    await until(() => log.health().ok, 'green health');
    await exercise(log);
  });

  test('wants another password: health says so without telling it, and it is tried again', async () => {
    const redis = await start();
    await redis.command('ACL', 'SETUSER', 'app', 'on', '>right-one', '~*', '&*', '+@all');
    const { log, lines } = connectTo(`redis://app:wrong-one@127.0.0.1:${redis.port}`);
    await until(() => JSON.stringify(log.health()).includes('WRONGPASS'), 'the reason');
    expect(JSON.stringify([log.health(), lines])).not.toContain('wrong-one');
    await redis.command('ACL', 'SETUSER', 'app', '>wrong-one');
    await log.ready;
    await until(() => log.health().ok, 'green health');
  });
});

describe('a guarded Redis', () => {
  // What a least-privilege user needs; the deployment's documentation names the same.
  const permissions = (
    '-@all +hello +client|setname +info +ping +script|load +evalsha +eval +subscribe +unsubscribe ' +
    '+publish +time +get +set +del +pexpire +hget +hmget +hset +hsetnx +hdel +zadd +zcard +zrem +zscore +zrangebyscore'
  ).split(' ');

  test('works for an ACL user with a password that may do no more than it has to', async () => {
    const redis = await start();
    await redis.command('ACL', 'SETUSER', 'app', 'on', '>p:@ss/word', '~test:*', '&test:*', ...permissions);
    await redis.command('ACL', 'SETUSER', 'default', 'off', 'nopass', '-@all', '+acl');
    const { log } = connectTo(`redis://app:${encodeURIComponent('p:@ss/word')}@127.0.0.1:${redis.port}`);
    await log.ready;
    await exercise(log);
  });

  test('that refuses a subscription answers UNAVAILABLE, harms nothing else, and is asked again', async () => {
    const redis = await start();
    await redis.command('ACL', 'SETUSER', 'app', 'on', '>secret', '~test:*', ...permissions);
    const { log } = connectTo(`redis://app:secret@127.0.0.1:${redis.port}`);
    await log.ready;
    const attempts = await Promise.allSettled([log.listen('m', () => {}), log.listen('m', () => {})]);
    for (const result of attempts) expect(result).toMatchObject({ status: 'rejected', reason: { code: 'UNAVAILABLE' } });
    expect((await log.heads(['m']))[0]?.sequence).toBe(0);
    await redis.command('ACL', 'SETUSER', 'app', '&test:*');
    await exercise(log);
  });

  test('serves TLS: with its authority known, and only then', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'lifeline-tls-'));
    cleanUps.push(() => rm(dir, { recursive: true, force: true }));
    const [cert, key] = [join(dir, 'cert.pem'), join(dir, 'key.pem')];
    await run('openssl', [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-days',
      '2',
      '-subj',
      '/CN=127.0.0.1',
      '-addext',
      'subjectAltName=IP:127.0.0.1',
      '-keyout',
      key,
      '-out',
      cert,
    ]);
    const redis = await start({ tls: { cert, key, ca: cert } });
    const { log } = connectTo(redis.url, { tlsCa: await readFile(cert, 'utf8') });
    await log.ready;
    await exercise(log);
    const { log: stranger } = connectTo(redis.url);
    await until(() => /certificate/.test(JSON.stringify(stranger.health())), 'the reason');
  });
});

describe('a Redis Cluster', () => {
  test('takes every script: none touches keys of two slots, or keys that it was not given', async () => {
    const redis = await start({ args: ['--cluster-enabled', 'yes'] });
    await redis.command('CLUSTER', 'ADDSLOTSRANGE', 0, 16_383);
    await until(async () => String(await redis.command('CLUSTER', 'INFO')).includes('cluster_state:ok'), 'the cluster');
    const { log } = connectTo(redis.url, { hashTags: 128 });
    await log.ready;
    for (let round = 0; round < 10; round++) await exercise(log);
    for (const key of await allKeys(redis)) expect(key).toMatch(/^test:(meta$|\{\d+\}:(part$|due$|m:.|latest:.))/);
    // Hash tags share calls where they may; that they may not here is asked once.
    expect(await redis.command('INFO', 'errorstats')).toContain('errorstat_CROSSSLOT:count=1\r\n');
  });
});

describe('closing', () => {
  const child = (url: string, body: string) =>
    run(process.execPath, [
      '--input-type=module',
      '-e',
      `import { createRedisLog } from ${JSON.stringify(new URL('../../src/log/redis.ts', import.meta.url).href)};
       const quiet = { debug() {}, info() {}, warn() {}, error() {}, child: () => quiet };
       const log = createRedisLog({ url: ${JSON.stringify(url)}, prefix: 'test', hashTags: 2, logger: quiet });
       ${body}`,
    ]);

  test('leaves nothing that keeps the process alive: after use, at once, while down, while something is under way', async () => {
    const redis = await start();
    const down = await start();
    await down.kill();
    const use = `await log.ready; await log.heads(['m']); const l = await log.listen('m', () => {}); l.close();`;
    await child(redis.url, `${use} await log.close();`);
    await child(redis.url, `await log.close();`);
    await child(
      redis.url,
      `const pending = [log.heads(['m']), log.listen('m', () => {})].map((each) => each.catch(() => {})); await log.close(); await Promise.all(pending);`,
    );
    await child(
      redis.url,
      `await log.ready; const pending = [log.heads(['m']), log.listen('m', () => {})].map((each) => each.catch(() => {})); await log.close(); await Promise.all(pending);`,
    );
    await child(down.url, `await log.heads(['m']).catch(() => {}); await log.close();`);
    await child(down.url, `await log.close();`);
    await until(
      async () =>
        String(await redis.command('CLIENT', 'LIST'))
          .trim()
          .split('\n').length === 1,
      'no connection left',
    );
  });
});
