import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';

import type { MemberEvent } from '../../src/event/event.ts';
import type { SourceWriter } from '../../src/log/log.ts';
import { createKeys } from '../../src/log/redis-keys.ts';
import { createRedisLog } from '../../src/log/redis.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { eventOf, idsOf, readAll, recordingLogger, recordsOf, unique } from './fixtures.ts';

let redis: TestRedis;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(async () => {
  await redis.stop();
});

const hashTags = 3;
const members = ['a', 'b', 'c', 'd', 'e', 'f'];
const tag = fc.nat(hashTags - 1);
const writer = fc.nat(1);

type Step =
  | { do: 'feed'; writer: number; count: number }
  | { do: 'verify' | 'settle' | 'reborn'; writer: number }
  | { do: 'keep' | 'lose' | 'wipe'; tag: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant('feed' as const), writer, count: fc.integer({ min: 1, max: 4 }) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('verify' as const), writer }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('settle' as const), writer }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('reborn' as const), writer }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('keep' as const), tag }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('lose' as const), tag }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('wipe' as const), tag }) },
);

/** What a bridge does with a partition: feeds it from where the log says, and goes where a gap sends it. */
class Feeder {
  position = 0;
  #writer: SourceWriter;
  readonly #born: () => SourceWriter;
  readonly #events: readonly MemberEvent[];

  constructor(born: () => SourceWriter, events: readonly MemberEvent[]) {
    this.#born = born;
    this.#events = events;
    this.#writer = born();
  }

  async begin() {
    const { next } = await this.#writer.resume();
    if (next === null) await this.#writer.begin(0);
    this.position = next ?? (await this.#writer.resume()).next ?? 0;
  }

  async reborn() {
    this.#writer = this.#born();
    await this.begin();
  }

  async feed(count: number) {
    const to = Math.min(this.position + count, this.#events.length);
    const result = await this.#writer.append(to, recordsOf(this.#events.slice(this.position, to), this.position));
    if (result.status === 'ok') this.position = to;
    else await this.#goTo(result.next);
    return result.status;
  }

  async check(how: 'verify' | 'settle') {
    const result = await this.#writer[how]();
    if (result.status === 'gap') await this.#goTo(result.next);
    return result.status;
  }

  async #goTo(next: number | null) {
    if (next === null) await this.begin();
    else this.position = next;
  }
}

test('whatever each hash tag loses and when, and with two writers at it, every event is in the log in the end, once and in order', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.nat(members.length - 1), { minLength: 30, maxLength: 60 }),
      fc.array(step, { minLength: 10, maxLength: 60, size: 'max' }),
      async (owners, steps) => {
        const prefix = unique('source');
        const log = createRedisLog({ url: redis.url, prefix, hashTags, logger: recordingLogger() });
        try {
          await log.ready;
          const keys = createKeys(prefix, hashTags);
          const keysOf = (part: number) => [
            keys.part(part),
            keys.due(part),
            ...members.filter((member) => keys.partOf(member) === part).map((member) => keys.member(member)),
          ];
          // As a failover does: all of a tag goes back to where it was, entries and position together.
          const copy = async (part: number, from: string, to: string) => {
            for (const key of keysOf(part)) {
              await redis.command('DEL', `${key}${to}`);
              await redis.command('COPY', `${key}${from}`, `${key}${to}`);
            }
          };
          const events = owners.map((owner) => eventOf(members[owner] ?? 'a'));
          const feeders = [0, 1].map(() => new Feeder(() => log.source('t', 0), events));
          for (const feeder of feeders) await feeder.begin();
          const kept = new Set<number>();

          for (const current of steps) {
            const feeder = 'writer' in current ? feeders[current.writer] : undefined;
            if (current.do === 'feed') await feeder?.feed(current.count);
            if (current.do === 'verify' || current.do === 'settle') await feeder?.check(current.do);
            if (current.do === 'reborn') await feeder?.reborn();
            if (current.do === 'keep') {
              await copy(current.tag, '', ':kept');
              kept.add(current.tag);
            }
            if (current.do === 'lose' && kept.has(current.tag)) await copy(current.tag, ':kept', '');
            if (current.do === 'wipe') for (const key of keysOf(current.tag)) await redis.command('DEL', key);
          }

          const [last] = feeders;
          if (last === undefined) throw new Error('There is a feeder.');
          for (let calm = false; !calm;) {
            calm = (await last.feed(5)) === 'ok' && (await last.check('verify')) === 'ok' && last.position === events.length;
          }
          for (const member of members) {
            const own = events.filter((event) => event.member === member);
            expect(idsOf(await readAll(log, member))).toEqual(own.map((event) => event.id));
          }
        } finally {
          await log.close();
        }
      },
    ),
    { numRuns: 100 },
  );
}, 60_000);
