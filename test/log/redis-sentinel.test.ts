import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import type { Ring } from '../../src/log/log.ts';
import { createRedisLog, type RedisLogOptions } from '../../src/log/redis.ts';
import { makeCertificate } from '../support/certificate.ts';
import { type SentinelOptions, startRedisSentinel, type TestSentinels } from '../support/redis-sentinel.ts';
import { eventLogContract } from './contract.ts';
import { feed, follow } from './feed.ts';
import { beginning, eventOf, idsOf, readAll, recordingLogger, recordsOf, unique, until } from './fixtures.ts';

const cleanUps: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp();
});

async function start(options: SentinelOptions = {}): Promise<TestSentinels> {
  const sentinels = await startRedisSentinel(options);
  cleanUps.push(() => sentinels.stop());
  return sentinels;
}

async function connectTo(url: string, options: Partial<RedisLogOptions> = {}) {
  const logger = recordingLogger();
  const log = createRedisLog({ url, prefix: 'test', hashTags: 2, logger, ...options });
  cleanUps.push(() => log.close());
  return { log, lines: logger.lines };
}

describe('Sentinel', () => {
  let sentinels: TestSentinels;
  beforeAll(async () => {
    sentinels = await startRedisSentinel({ sentinels: 1 });
  });
  afterAll(async () => {
    await sentinels.stop();
  });

  eventLogContract('Redis behind Sentinel', async ({ retention }) => {
    const log = createRedisLog({ url: sentinels.url, prefix: unique('test'), hashTags: 4, retention, logger: recordingLogger() });
    await log.ready;
    return log;
  });

  test('that does not know the name: health says so, and nothing is used', async () => {
    const { log } = await connectTo(sentinels.url.replace(/[^/]+$/, 'other'));
    await until(() => /Sentinels do not know a primary of this name/.test(JSON.stringify(log.health())), 'the reason');
    await expect(log.heads(['m'])).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });

  test('that cannot be reached: health says so', async () => {
    const { log } = await connectTo('redis+sentinel://127.0.0.1:1/lifeline');
    await until(() => /no Sentinel can be asked.*127.0.0.1:1/.test(JSON.stringify(log.health())), 'the reason');
    await expect(log.heads(['m'])).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });
});

test('Sentinels and servers that ask for a password and speak TLS', async () => {
  const certificate = await makeCertificate();
  cleanUps.push(() => certificate.remove());
  const sentinels = await start({ sentinels: 1, tls: certificate.files });
  for (const server of sentinels.servers) await server.command('ACL', 'SETUSER', 'app', 'on', '>p:@ss', '~*', '&*', '+@all');
  const permissions = '-@all +hello +client|setname +sentinel|get-master-addr-by-name +sentinel|sentinels +subscribe'.split(' ');
  await sentinels.command('ACL', 'SETUSER', 'asker', 'on', '>wh,o?', '&+switch-master', ...permissions);
  const url = sentinels.url.replace('://', `://app:${encodeURIComponent('p:@ss')}@`);
  const { log, lines } = await connectTo(`${url}?sentinel_username=asker&sentinel_password=${encodeURIComponent('wh,o?')}`, {
    tlsCa: certificate.pem,
  });
  await log.ready;
  const { append } = await beginning(log);
  expect(await append(eventOf('m'))).toMatchObject({ appended: 1 });
  await until(async () => /sub=1 .*user=asker/.test(String(await sentinels.command('CLIENT', 'LIST'))), 'the ear for failovers');

  await sentinels.command('ACL', 'SETUSER', 'default', 'resetpass', '>nobody-knows');
  const { log: stranger } = await connectTo(url, { tlsCa: certificate.pem });
  await until(() => /no Sentinel can be asked/.test(JSON.stringify(stranger.health())), 'the reason');
  expect(JSON.stringify([log.health(), stranger.health(), lines])).not.toMatch(/p:@ss|wh,o/);
});

describe('a failover', () => {
  test('that loses a suffix: gap, generation, rewound cursors, all of it fed again, and the primary of before is not written to', async () => {
    const sentinels = await start();
    const { log } = await connectTo(sentinels.url);
    await log.ready;
    const [old, next] = sentinels.servers;
    const { append, source } = await beginning(log);
    const rings: Ring[] = [];
    await log.listen('m', (ring) => void rings.push(ring));
    const kept = [eventOf('m'), eventOf('m')];
    const lost = [eventOf('m'), eventOf('m')];
    await append(...kept);
    await until(
      async () => (await Promise.all([0, 1].map((part) => next.command('HGET', `test:{${part}}:m:m`, 's')))).includes('2'),
      'the replica',
    );
    const early = (await readAll(log, 'm'))[1]?.position ?? null;
    await sentinels.killSentinel(0);

    await sentinels.cutReplication();
    await append(...lost);
    const [late] = await log.heads(['m']);
    expect(late?.sequence).toBe(4);
    old.pause(); // it does not die: it comes back later and believes that it is the primary
    await sentinels.promoted(next);
    await until(() => rings.some((ring) => ring.kind === 'interrupted'), 'the interruption');
    await until(() => log.health().ok, 'the connection to the new primary');

    // Another partition takes the sequences of what was lost before it is fed again.
    const others = [eventOf('m'), eventOf('m')];
    const other = await beginning(log);
    await other.append(...others);
    const [taken] = await log.heads(['m']);
    // The control: by epoch and sequence alone, the late cursor stands at the head and has missed nothing.
    expect(taken).toMatchObject({ epoch: late?.epoch, sequence: late?.sequence });
    expect(await log.read('m', { after: late ?? null, limit: 10 })).toMatchObject({ continuity: 'rewound' });
    expect(await log.read('m', { after: early, limit: 10 })).toMatchObject({ continuity: 'kept' });
    expect(taken?.generation).toBeGreaterThan(late?.generation ?? 0);

    expect(await source.append(5, recordsOf([eventOf('m')], 4))).toEqual({ status: 'gap', next: 2 });
    expect(await source.append(4, recordsOf(lost, 2, true))).toMatchObject({ status: 'ok', appended: 2 });
    const whole = await log.read('m', { after: late ?? null, limit: 10 });
    expect(idsOf(whole.entries)).toEqual([...kept, ...others, ...lost].map((event) => event.id));

    // It was only away: it believes that it is the primary until the Sentinels get round to telling it.
    old.resume();
    const after = [eventOf('m'), eventOf('m')];
    for (const [index, event] of after.entries()) {
      expect(await source.append(5 + index, recordsOf([event], 4 + index))).toMatchObject({ status: 'ok', appended: 1 });
    }
    await until(() => rings.some((ring) => ring.kind === 'entry' && ring.entry.event.id === after[1]?.id), 'the ring');
    expect(idsOf(await readAll(log, 'm'))).toEqual([...kept, ...others, ...lost, ...after].map((event) => event.id));
    expect(String(await old.command('ROLE'))).toMatch(/^master/);
    const there = await Promise.all([0, 1].map((part) => old.command('HGET', `test:{${part}}:m:m`, 's')));
    expect(Math.max(...there.map(Number))).toBe(4);
    await until(() => log.health().ok, 'health');
  });

  test('by an operator under load: every event is in the log, once and in order, and heard of', async () => {
    const sentinels = await start({ sentinels: 1 });
    const { log } = await connectTo(sentinels.url);
    await log.ready;
    const follower = await follow(log, ['m']);
    const { source } = await beginning(log);
    const load = feed(source, ['m'], 5);
    cleanUps.push(() => load.abort());
    await until(() => load.seen.next >= 100, 'the load');
    const [old, next] = sentinels.servers;
    await sentinels.failover();
    await sentinels.promoted(next);
    const size = async () =>
      Math.max(...(await Promise.all([0, 1].map((part) => next.command('HGET', `test:{${part}}:m:m`, 's')))).map(Number));
    const promoted = await size();
    await until(async () => (await size()) > promoted, 'writes on the new primary');
    // It still takes what it is given: only the Sentinels told us to leave it.
    expect(String(await old.command('ROLE'))).toMatch(/^master/);
    const events = await load.finish();
    expect(load.seen.failed).toBeGreaterThan(0);
    expect(idsOf(await readAll(log, 'm'))).toEqual(events.map((event) => event.id));
    await until(() => follower.knowsAll(events), 'every event, heard or read because of an interruption');
    await until(() => log.health().ok, 'health');
  });
});
