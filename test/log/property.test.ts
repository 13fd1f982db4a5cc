import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';

import type { MemberEvent } from '../../src/event/event.ts';
import type { Position, SourceWriter } from '../../src/log/log.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { eventOf, readAll, recordsOf, unique } from './fixtures.ts';
import { lossyMemory, lossyRedis } from './lossy.ts';

let servers: readonly [TestRedis, TestRedis];
beforeAll(async () => {
  servers = await Promise.all([startRedis({ own: true }), startRedis({ own: true })]);
});
afterAll(async () => {
  await Promise.all(servers.map((server) => server.stop()));
});

const members = ['a', 'b', 'c'];
type State = 'pending' | 'acknowledged' | 'expired' | 'buried';

/** The least that can be said about a log: what stands in it, in order, and what became of it. */
class Model {
  life = 0;
  entries: { member: string; id: string; state: State }[] = [];
  of = (member: string) => this.entries.filter((entry) => entry.member === member);
  append({ member, id, expiresAt }: MemberEvent) {
    const state = (expiresAt ?? 0) <= Date.now() ? 'expired' : 'pending';
    if (!this.entries.some((entry) => entry.id === id)) this.entries.push({ member, id, state });
  }
  /** @returns the states that were left */
  become(state: State, ids: readonly string[]) {
    const own = ids.map((id) => this.entries.find((entry) => entry.id === id));
    const left = own.map((entry) => entry?.state);
    for (const entry of own) if (entry?.state === (state === 'buried' ? 'expired' : 'pending')) entry.state = state;
    return left;
  }
  read(member: string, after: number, pendingOnly: boolean) {
    return this.of(member)
      .map(({ id, state }, index) => ({ id, state, sequence: index + 1 }))
      .filter(({ state, sequence }) => state === 'pending' || (state === 'acknowledged' && !pendingOnly && sequence > after))
      .map(({ id, sequence }) => [id, sequence]);
  }
}

/** A place in a member's log: what stood up to there, and what each log calls it. */
interface Place {
  readonly life: number;
  readonly ids: readonly string[];
  readonly positions: readonly Position[];
}

const member = fc.nat(2).map((index) => members[index] ?? 'a');
// Few names, so that ids repeat and batches meet themselves.
const id = fc.nat(25);
const record = fc.record({ member, id, expired: fc.integer({ min: 0, max: 4 }).map((n) => n === 0) });
const only = <T extends string>(what: T) => fc.record({ do: fc.constant(what) });
const steps = fc.array(
  fc.oneof(
    {
      weight: 10,
      arbitrary: fc.record({ do: fc.constant('append' as const), records: fc.array(record, { minLength: 1, maxLength: 12 }) }),
    },
    {
      weight: 6,
      arbitrary: fc.record({ do: fc.constant('acknowledge' as const), member, ids: fc.uniqueArray(id, { maxLength: 8 }) }),
    },
    {
      weight: 8,
      arbitrary: fc.record({
        do: fc.constant('read' as const),
        member,
        place: fc.nat(),
        pendingOnly: fc.boolean(),
        limit: fc.integer({ min: 1, max: 7 }),
      }),
    },
    { weight: 2, arbitrary: only('reap') },
    { weight: 3, arbitrary: only('keep') },
    // As they were when last kept: an older backup under the same server, or a replica that lacks the rest.
    { weight: 2, arbitrary: only('backup') },
    { weight: 2, arbitrary: only('failover') },
    { weight: 1, arbitrary: only('restart') },
    { weight: 1, arbitrary: only('wipe') },
  ),
  { minLength: 5, maxLength: 40, size: 'max' },
);

/** What a bridge does: feeds from where the log says, and goes where a gap sends it. */
class Feeder {
  #next = 0;
  readonly #writer: SourceWriter;

  constructor(writer: SourceWriter) {
    this.#writer = writer;
  }

  async begin() {
    const { next, known } = await this.#writer.resume();
    if (next === null) await this.#writer.begin(known ?? 0);
    this.#next = next ?? (await this.#writer.resume()).next ?? 0;
  }

  /** Until the log has all of it. An append alone tells of a loss only where it writes. */
  async feed(events: readonly MemberEvent[]) {
    for (;;) {
      const appended = await this.#writer.append(events.length, recordsOf(events.slice(this.#next), this.#next));
      if (appended.status === 'ok') this.#next = events.length;
      const result = appended.status === 'ok' ? await this.#writer.verify() : appended;
      if (result.status === 'ok') return;
      if (result.next === null) await this.begin();
      else this.#next = result.next;
    }
  }
}

test('whatever is appended, acknowledged, read, expires, is lost and fails over: memory, Redis and a model of a few lines agree', async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (script) => {
      const stores = [lossyMemory(), await lossyRedis(...servers)];
      const logs = stores.map(({ log }) => log);
      try {
        const topic = unique('topic');
        const feeders = logs.map((log) => new Feeder(log.source(topic, 0)));
        for (const feeder of feeders) await feeder.begin();
        const produced: MemberEvent[] = [];
        let model = new Model();
        let kept: Model | null = null;
        let lives = 0;
        const places = new Map<string, Place[]>(members.map((each) => [each, []]));
        const idOf = (owner: string, name: number) => eventOf(owner, `${owner}-${name}`).id;
        const copyOf = (other: Model) =>
          Object.assign(new Model(), { life: other.life, entries: other.entries.map((entry) => ({ ...entry })) });

        for (const step of script) {
          if (step.do === 'append') {
            for (const { member: owner, id: name, expired } of step.records)
              produced.push(eventOf(owner, `${owner}-${name}`, expired ? { expiresAt: 1 } : {}));
            for (const feeder of feeders) await feeder.feed(produced);
            for (const event of produced) model.append(event); // what was lost is fed again, and what was not is known
          } else if (step.do === 'acknowledge') {
            const ids = step.ids.map((name) => idOf(step.member, name));
            const left = model.become('acknowledged', ids);
            const those = (...states: (State | undefined)[]) => ids.filter((_, index) => states.includes(left[index]));
            const expected = {
              acknowledged: those('pending'),
              alreadyAcknowledged: those('acknowledged'),
              unknown: those(undefined, 'expired', 'buried'),
            };
            for (const log of logs) expect(await log.acknowledge(step.member, ids, null)).toEqual(expected);
          } else if (step.do === 'reap') {
            const expired = model.entries.filter(({ state }) => state === 'expired').map((entry) => entry.id);
            for (const log of logs) {
              const buried: string[] = [];
              const report = await log.reap(async (entries) => void buried.push(...entries.map(({ event }) => event.id)));
              expect(buried.toSorted()).toEqual(expired.toSorted());
              expect(report).toEqual({ buried: expired.length, unburied: 0, trimmed: 0, forgotten: 0 });
            }
            model.become('buried', expired);
          } else if (step.do === 'keep') {
            for (const store of stores) await store.keep();
            kept = copyOf(model);
          } else if (step.do === 'wipe') {
            for (const store of stores) await store.wipe();
            model = Object.assign(new Model(), { life: ++lives });
          } else if (step.do !== 'read') {
            if (step.do !== 'restart' && kept !== null) {
              for (const store of stores) await store.restore();
              model = copyOf(kept);
            }
            if (step.do !== 'backup') for (const store of stores) await store.another();
          } else {
            const own = places.get(step.member) ?? [];
            const stood = model.of(step.member).map((entry) => entry.id);
            const place = own[step.place % Math.max(own.length, 1)];
            const continues = place?.ids.every((each, index) => each === stood[index]) ?? true;
            const continuity = place !== undefined && place.life !== model.life ? 'lost' : continues ? 'kept' : 'rewound';
            const behind = continuity === 'kept' ? (place?.ids.length ?? 0) : 0;
            const positions = new Map<number, Position[]>();
            for (const [index, log] of logs.entries()) {
              const { pendingOnly, limit } = step;
              const after = place?.positions[index] ?? null;
              expect((await log.read(step.member, { after, limit })).continuity).toBe(continuity);
              const entries = await readAll(log, step.member, { after, pendingOnly, limit });
              expect(entries.map(({ event, position }) => [event.id, position.sequence])).toEqual(
                model.read(step.member, behind, pendingOnly),
              );
              for (const { position } of entries)
                positions.set(position.sequence, [...(positions.get(position.sequence) ?? []), position]);
            }
            for (const [sequence, of] of positions) own.push({ life: model.life, ids: stood.slice(0, sequence), positions: of });
          }
          const heads = await Promise.all(logs.map((log) => log.heads(members)));
          const [ofMemory, ofRedis] = heads.map((positions) => positions.map(({ sequence, chain }) => ({ sequence, chain })));
          expect(ofRedis).toEqual(ofMemory);
          expect(ofMemory?.map(({ sequence }) => sequence)).toEqual(members.map((each) => model.of(each).length));
        }
      } finally {
        for (const store of stores) await store.close();
      }
    }),
    { numRuns: 100 },
  );
}, 90_000);
