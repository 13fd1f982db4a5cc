import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';

import type { MemberEvent } from '../../src/event/event.ts';
import type { EventLog, Position } from '../../src/log/log.ts';
import { createMemoryLog } from '../../src/log/memory.ts';
import { createRedisLog } from '../../src/log/redis.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { beginning, eventOf, readAll, recordingLogger, unique } from './fixtures.ts';

let redis: TestRedis;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(async () => {
  await redis.stop();
});

/** The least that can be said about one member: what was appended, in order, and what became of it. */
class Model {
  readonly entries: { id: string; state: 'pending' | 'acknowledged' | 'expired' | 'buried' }[] = [];

  append(event: MemberEvent) {
    const known = this.entries.some((entry) => entry.id === event.id);
    if (!known) this.entries.push({ id: event.id, state: (event.expiresAt ?? 0) <= Date.now() ? 'expired' : 'pending' });
    return known ? 0 : 1;
  }

  acknowledge(id: string) {
    const entry = this.entries.find((each) => each.id === id);
    if (entry === undefined || entry.state === 'expired' || entry.state === 'buried') return 'unknown';
    if (entry.state === 'acknowledged') return 'alreadyAcknowledged';
    entry.state = 'acknowledged';
    return 'acknowledged';
  }

  bury() {
    const expired = this.entries.filter((entry) => entry.state === 'expired');
    for (const entry of expired) entry.state = 'buried';
    return expired.map((entry) => entry.id);
  }

  read(after: number, pendingOnly: boolean) {
    return this.entries
      .map((entry, index) => ({ ...entry, sequence: index + 1 }))
      .filter(({ state, sequence }) => state === 'pending' || (state === 'acknowledged' && !pendingOnly && sequence > after))
      .map(({ id, sequence }) => [id, sequence]);
  }
}

const members = ['a', 'b', 'c'];
const steps = fc.array(
  fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({
        do: fc.constant('append' as const),
        // Few names and members, so that ids repeat and batches meet themselves.
        records: fc.array(
          fc.record({ member: fc.nat(2), name: fc.nat(25), expired: fc.integer({ min: 0, max: 4 }).map((n) => n === 0) }),
          { minLength: 1, maxLength: 12 },
        ),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constant('acknowledge' as const),
        member: fc.nat(2),
        names: fc.uniqueArray(fc.nat(25), { maxLength: 8 }),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constant('read' as const),
        member: fc.nat(2),
        after: fc.nat(20),
        pendingOnly: fc.boolean(),
        limit: fc.integer({ min: 1, max: 7 }),
      }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('reap' as const) }) },
  ),
  { maxLength: 30 },
);

test('whatever is appended, acknowledged, read and expires: memory, Redis and a model of a few lines agree', async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (script) => {
      const prefix = unique('property');
      const logs: EventLog[] = [
        createMemoryLog(),
        createRedisLog({ url: redis.url, prefix, hashTags: 2, logger: recordingLogger() }),
      ];
      try {
        for (const log of logs) if ('ready' in log) await log.ready;
        const writers = await Promise.all(logs.map((log) => beginning(log)));
        const model = new Map(members.map((member) => [member, new Model()]));
        const of = (member: number) => model.get(members[member] ?? '') ?? new Model();
        const cursors = logs.map(() => new Map<string, Position>());

        for (const step of script) {
          if (step.do === 'append') {
            const events = step.records.map(({ member, name, expired }) =>
              eventOf(members[member] ?? '', `${member}-${name}`, expired ? { expiresAt: 1 } : {}),
            );
            const appended = step.records.reduce((sum, { member }, index) => {
              const event = events[index];
              return sum + (event ? of(member).append(event) : 0);
            }, 0);
            for (const writer of writers) {
              expect(await writer.append(...events)).toMatchObject({
                status: 'ok',
                appended,
                duplicates: events.length - appended,
                stale: 0,
              });
            }
          } else if (step.do === 'acknowledge') {
            const ids = step.names.map((name) => eventOf(members[step.member] ?? '', `${step.member}-${name}`).id);
            const answers = ids.map((id) => of(step.member).acknowledge(id));
            const expected = Object.fromEntries(
              (['acknowledged', 'alreadyAcknowledged', 'unknown'] as const).map((kind) => [
                kind,
                ids.filter((_, index) => answers[index] === kind),
              ]),
            );
            for (const log of logs) expect(await log.acknowledge(members[step.member] ?? '', ids, null)).toEqual(expected);
          } else if (step.do === 'reap') {
            const expected = [...model.values()].flatMap((each) => each.bury()).toSorted();
            for (const log of logs) {
              const buried: string[] = [];
              const report = await log.reap(async (entries) => void buried.push(...entries.map((entry) => entry.event.id)));
              expect(buried.toSorted()).toEqual(expected);
              expect(report).toEqual({ buried: expected.length, unburied: 0, trimmed: 0, forgotten: 0 });
            }
          } else {
            const member = members[step.member] ?? '';
            for (const [index, log] of logs.entries()) {
              const all = of(step.member).read(0, false);
              const entries = await readAll(log, member, { limit: step.limit });
              expect(entries.map((entry) => [entry.event.id, entry.position.sequence])).toEqual(all);
              for (const entry of entries) cursors[index]?.set(`${member}${entry.position.sequence}`, entry.position);
              const after = cursors[index]?.get(`${member}${step.after}`) ?? null;
              const { pendingOnly, limit } = step;
              const behind = await readAll(log, member, { after, pendingOnly, limit });
              expect(behind.map((entry) => [entry.event.id, entry.position.sequence])).toEqual(
                of(step.member).read(after?.sequence ?? 0, pendingOnly),
              );
            }
          }
        }
        const sequences = members.map((_, index) => of(index).entries.length);
        const heads = await Promise.all(logs.map((log) => log.heads(members)));
        for (const head of heads) expect(head.map(({ sequence }) => sequence)).toEqual(sequences);
        expect(heads[0]?.map(({ chain }) => chain)).toEqual(heads[1]?.map(({ chain }) => chain));
      } finally {
        await Promise.all(logs.map((log) => log.close()));
      }
    }),
    { numRuns: 150 },
  );
});
