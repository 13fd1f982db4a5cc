import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { SubscribeBatch } from '../../src/log/doorbell-batch.ts';
import type { Listener, Ring } from '../../src/log/log.ts';
import { openRedis, type RedisServer } from '../../src/log/redis-connection.ts';
import { createRedisLog, type RedisLog } from '../../src/log/redis.ts';
import { parseRedisUrl } from '../../src/redis-url.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { beginning, eventOf, recordingLogger, unique, until } from './fixtures.ts';

let redis: TestRedis;
let log: RedisLog;
let append: Awaited<ReturnType<typeof beginning>>['append'];
beforeAll(async () => {
  redis = await startRedis({ own: true });
  log = createRedisLog({ url: redis.url, prefix: unique('test'), logger: recordingLogger() });
  await log.ready;
  ({ append } = await beginning(log));
});
afterAll(async () => {
  await log.close();
  await redis.stop();
});

/** How often Redis was sent the command since it started. */
async function calls(command: string): Promise<number> {
  const stats = String(await redis.command('INFO', 'commandstats'));
  return Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(stats)?.[1] ?? 0);
}

function parsed(url: string): RedisServer {
  const address = parseRedisUrl(url);
  if (address.kind === 'cluster') throw new Error('One server was meant.');
  return address;
}

const channels = async () => ((await redis.command('PUBSUB', 'CHANNELS')) as unknown[]).length; // a list, whatever is in it

/** Whether an event for the member is heard by the listener that keeps these rings. */
async function hears(member: string, rings: readonly Ring[]): Promise<boolean> {
  const event = eventOf(member);
  // A second listener that certainly hears it tells when the first should have.
  const witnessed: Ring[] = [];
  const witness = await log.listen(member, (ring) => void witnessed.push(ring));
  const of = (some: readonly Ring[]) => some.some((ring) => ring.kind === 'entry' && ring.entry.event.id === event.id);
  await append(event);
  await until(() => of(witnessed), 'the witness to hear it');
  witness.close();
  return of(rings);
}

describe('a batch', () => {
  const others = Array.from({ length: 499 }, (_, index) => `other-${index}`);
  test.each<[string, ('join' | 'leave' | 'others join' | 'others leave')[], number]>([
    ['join, leave', ['join', 'leave'], 0],
    ['leave, join', ['leave', 'join'], 1],
    ['join, leave, join', ['join', 'leave', 'join'], 1],
    ['leave, join, leave', ['leave', 'join', 'leave'], 0],
    ['leave, join and many others', ['leave', 'join', 'others join'], 1],
    ['leave, many others join, join', ['leave', 'others join', 'join'], 1],
    ['join, many others leave, leave', ['join', 'others leave', 'leave'], 0],
  ])('leaves a channel as it was asked last: %s', async (_, steps, subscribers) => {
    const connection = openRedis(parsed(redis.url), undefined, {});
    await connection.subscribe('c');
    const batch = new SubscribeBatch(connection, { sharded: false, slotOf: () => 0 });
    const joined: Promise<void>[] = [];
    for (const step of steps) {
      if (step === 'join') joined.push(batch.subscribe('c'));
      else if (step === 'leave') batch.unsubscribe('c');
      else if (step === 'others join') joined.push(...others.map((other) => batch.subscribe(other)));
      else for (const other of others) batch.unsubscribe(other);
    }
    batch.flush();
    await Promise.all(joined);
    await connection.ping(); // behind everything that was sent
    expect(await redis.command('PUBSUB', 'NUMSUB', 'c')).toEqual(['c', subscribers]);
    connection.disconnect();
    await until(async () => (await channels()) === 0, 'the end of the connection');
  });
});

describe('a crowd that comes and goes', () => {
  test('is subscribed in a few commands, and all of it hears', async () => {
    const before = await calls('subscribe');
    const members = Array.from({ length: 1_200 }, (_, index) => `crowd-${index}`);
    const heard = new Map<string, Ring[]>(members.map((member) => [member, []]));
    const listeners = await Promise.all(members.map((member) => log.listen(member, (ring) => void heard.get(member)?.push(ring))));
    expect((await calls('subscribe')) - before).toBe(3); // 500 channels each
    expect(await channels()).toBe(1_200);

    await append(...members.slice(0, 400).map((member) => eventOf(member)));
    await append(...members.slice(400, 800).map((member) => eventOf(member)));
    await append(...members.slice(800).map((member) => eventOf(member)));
    await until(() => members.every((member) => heard.get(member)?.length === 1), 'everybody to hear theirs');

    const ended = await calls('unsubscribe');
    for (const listener of listeners) listener.close();
    await until(async () => (await channels()) === 0, 'the end of all subscriptions');
    expect((await calls('unsubscribe')) - ended).toBe(3);
  });
});

describe('one member, many times at once', () => {
  test('who comes right after the last one left is subscribed', async () => {
    const rings: Ring[] = [];
    const first = await log.listen('m', () => {});
    first.close();
    const second = await log.listen('m', (ring) => void rings.push(ring));
    expect(await channels()).toBe(1);
    expect(await hears('m', rings)).toBe(true);
    second.close();
    await until(async () => (await channels()) === 0, 'the end');
  });

  test('however listeners come and go, what is subscribed is what is listened to', async () => {
    const held = new Set<Listener>();
    const steps = Array.from({ length: 300 }, (_, index) => index);
    await Promise.all(
      steps.map(async (step) => {
        const listener = await log.listen(`m${step % 3}`, () => {});
        if (step % 7 === 0) held.add(listener);
        else listener.close();
        if (step % 5 === 0) (await log.listen(`m${step % 3}`, () => {})).close();
      }),
    );
    const rings: Ring[] = [];
    held.add(await log.listen('m0', (ring) => void rings.push(ring)));
    await until(async () => (await channels()) === 3, 'the subscriptions to settle');
    expect(await hears('m0', rings)).toBe(true);
    for (const listener of held) listener.close();
    await until(async () => (await channels()) === 0, 'the end');
  });
});

test('closing the log while somebody is being subscribed ends their wait', async () => {
  const closing = createRedisLog({ url: redis.url, prefix: unique('test'), logger: recordingLogger() });
  await closing.ready;
  const listening = Promise.allSettled([closing.listen('m', () => {})]);
  await closing.close();
  const [result] = await listening;
  expect(result.status).toBe('rejected');
});
