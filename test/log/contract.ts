import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { crowdedAt, type Entry, type EventLog, type Position, type Retention, type Ring } from '../../src/log/log.ts';
import { beginning, eventOf, idsOf, passing, readAll, recordsOf, unique, until } from './fixtures.ts';

const buryNothing = async () => {
  throw new Error('There is nothing to bury here.');
};

/** What every log promises, one test per promise. `make` gives an empty log; the suite closes it. */
export function eventLogContract(name: string, make: (options: { retention?: Retention }) => Promise<EventLog>) {
  describe(`${name} log`, () => {
    const open: EventLog[] = [];
    const start = async (retention?: Retention) => {
      const log = await make(retention ? { retention } : {});
      open.push(log);
      return log;
    };
    let log: EventLog;
    let member: string;
    beforeEach(async () => {
      log = await start();
      member = unique('member');
    });
    afterEach(async () => {
      await Promise.all(open.splice(0).map((each) => each.close()));
    });

    describe('source', () => {
      test('knows no position at first, and answers a gap until it is told where to begin', async () => {
        const source = log.source('t', 0);
        expect(await source.resume()).toEqual({ next: null, known: null });
        expect(await source.append(1, recordsOf([eventOf(member)]))).toEqual({ status: 'gap', next: null });
        expect(await source.append(1, [])).toEqual({ status: 'gap', next: null });
        expect(await source.verify()).toEqual({ status: 'gap', next: null });
        expect(await source.settle()).toEqual({ status: 'gap', next: null });
        expect((await log.read(member, { after: null, limit: 1 })).head.sequence).toBe(0);
      });

      test('answers where it begins, and beginning again changes nothing', async () => {
        const source = log.source('t', 0);
        await source.begin(7);
        await source.begin(3);
        expect(await source.resume()).toEqual({ next: 7, known: 7 });
        expect(await log.source('t', 1).resume()).toEqual({ next: null, known: null });
      });

      test('a writer that was never told where the log stands is answered where it stands, and writes nothing', async () => {
        const { topic, source } = await beginning(log);
        await source.append(2, recordsOf([eventOf(member), eventOf(member)]));
        await source.settle();
        const second = log.source(topic, 0);
        expect(await second.append(3, recordsOf([eventOf(member)], 2))).toEqual({ status: 'gap', next: 2 });
        expect(await second.append(3, recordsOf([eventOf(member)], 2))).toMatchObject({ status: 'ok', appended: 1 });
      });

      test('an append covers what it carries, and settle tells a successor', async () => {
        const { source, topic } = await beginning(log);
        expect(await source.append(5, recordsOf([eventOf(member), eventOf(unique('other'))], 2))).toEqual({
          status: 'ok',
          appended: 2,
          duplicates: 0,
          stale: 0,
          crowded: 0,
        });
        expect(await source.append(9, [])).toMatchObject({ status: 'ok', appended: 0 });
        expect(await source.settle()).toEqual({ status: 'ok' });
        expect(await source.verify()).toEqual({ status: 'ok' });
        expect(await log.source(topic, 0).resume()).toEqual({ next: 9, known: 9 });
      });

      test('partitions have positions of their own', async () => {
        const { append, topic } = await beginning(log);
        await append(eventOf(member));
        await log.source(topic, 1).begin(40);
        expect(await log.source(topic, 1).resume()).toEqual({ next: 40, known: 40 });
      });

      test('records below the position are stale, whoever brings them', async () => {
        const { append, topic } = await beginning(log);
        const zombie = log.source(topic, 0);
        await zombie.resume();
        const events = [eventOf(member), eventOf(member), eventOf(member)];
        await append(...events);
        expect(await zombie.append(2, recordsOf(events.slice(0, 2)))).toMatchObject({ status: 'ok', appended: 0, stale: 2 });
        const late = eventOf(member);
        expect(await zombie.append(4, recordsOf([...events, late]))).toMatchObject({ status: 'ok', appended: 1, stale: 3 });
        expect(idsOf(await readAll(log, member))).toEqual([...events, late].map((event) => event.id));
      });

      test('an id that is known gets no second sequence: at another offset, in the same batch, from another partition', async () => {
        const { append } = await beginning(log);
        const event = eventOf(member);
        expect(await append(event, event)).toMatchObject({ appended: 1, duplicates: 1 });
        expect(await append(event)).toMatchObject({ appended: 0, duplicates: 1 });
        const other = await beginning(log);
        expect(await other.append(event)).toMatchObject({ appended: 0, duplicates: 1 });
        await log.acknowledge(member, [event.id], null);
        expect(await append(event)).toMatchObject({ appended: 0, duplicates: 1 });
        expect((await log.heads([member]))[0]?.sequence).toBe(1);
      });

      test('a position that went back is a gap, in append, verify and settle; what follows is another generation', async () => {
        const { source, topic, append } = await beginning(log);
        const [a, b, c] = [eventOf(member), eventOf(member), eventOf(member)];
        await append(a, b, c);
        await source.settle();
        const [before] = await log.heads([member]);
        await log.source(topic, 0).restart(1);

        expect(await source.append(4, recordsOf([eventOf(member)], 3))).toEqual({ status: 'gap', next: 1 });
        const [restarted] = await log.heads([member]);
        expect(restarted?.generation).toBeGreaterThan(before?.generation ?? 0);
        expect(await source.append(3, recordsOf([b, c], 1, true))).toMatchObject({ status: 'ok', duplicates: 2 });
        const [after] = await log.heads([member]);
        expect(after?.generation).toBeGreaterThan(restarted?.generation ?? 0);
        expect(after).toMatchObject({ epoch: before?.epoch, sequence: 3, chain: before?.chain });

        await source.settle();
        await log.source(topic, 0).restart(0);
        expect(await source.verify()).toEqual({ status: 'gap', next: 0 });
        expect(await source.verify()).toEqual({ status: 'ok' });
        await source.append(3, recordsOf([a, b, c], 0, true));
        await source.settle();
        await log.source(topic, 0).restart(2);
        // An append without records may leave the looking to settle.
        expect([await source.append(5, []), await source.settle()]).toContainEqual({ status: 'gap', next: 2 });
      });

      test('restart begins anew where it is told and starts a generation, and known ids stay known', async () => {
        const { source, append } = await beginning(log);
        const event = eventOf(member);
        await append(event, eventOf(member));
        const [before] = await log.heads([member]);
        await source.restart(0);
        const [after] = await log.heads([member]);
        expect(after?.generation).toBeGreaterThan(before?.generation ?? 0);
        expect(await source.resume()).toEqual({ next: 0, known: 0 });
        expect(await source.append(1, recordsOf([event]))).toMatchObject({ status: 'ok', duplicates: 1, appended: 0 });
      });

      test('concurrent appends of one writer are applied in the order they were asked', async () => {
        const { append } = await beginning(log);
        const events = Array.from({ length: 40 }, () => eventOf(member));
        const results = await Promise.all(events.map((event) => append(event)));
        expect(results.every((result) => result.status === 'ok' && result.appended === 1)).toBe(true);
        expect(idsOf(await readAll(log, member))).toEqual(events.map((event) => event.id));
      });

      test(`more than ${crowdedAt} pending entries of one member are counted as crowded, and kept`, async () => {
        const { append } = await beginning(log);
        const events = Array.from({ length: crowdedAt + 5 }, () => eventOf(member));
        expect(await append(...events)).toMatchObject({ appended: crowdedAt + 5, crowded: 5 });
        expect(await append(eventOf(unique('other')))).toMatchObject({ appended: 1, crowded: 0 });
        expect(idsOf(await readAll(log, member))).toEqual(events.map((event) => event.id));
        await log.acknowledge(member, idsOf(await readAll(log, member)).slice(0, 10) as string[], null); // none is null
        expect(await append(eventOf(member))).toMatchObject({ appended: 1, crowded: 0 });
      });
    });

    describe('read', () => {
      test('a member without entries stands at 0, in the same epoch as before', async () => {
        const page = await log.read(member, { after: null, limit: 10 });
        expect(page).toMatchObject({ entries: [], scannedTo: 0, done: true, continuity: 'kept', head: { sequence: 0, chain: '' } });
        expect(page.head.epoch).not.toBe('');
        expect(await log.heads([member])).toEqual([page.head]);
        expect((await log.read(member, { after: page.head, limit: 10 })).continuity).toBe('kept');
      });

      test('gives back every event as it came in, in the dense order 1, 2, 3 …', async () => {
        const { append } = await beginning(log);
        const events = [
          eventOf(member, unique('a'), { accountId: 'A|1', data: { text: 'ä€😀|\n\u0000', nested: [{ deep: null }, 1.5, true] } }),
          eventOf(member, unique('b'), { refed: true } as object),
          eventOf(member, unique('c'), { data: { lone: '\ud800', big: 'x'.repeat(60_000) } }),
        ];
        const before = Date.now();
        await append(...events);
        const entries = await readAll(log, member);
        expect(entries.map((entry) => entry.event)).toEqual(events);
        expect(entries.map((entry) => entry.position.sequence)).toEqual([1, 2, 3]);
        expect(entries.map((entry) => entry.acknowledgedAt)).toEqual([null, null, null]);
        expect(new Set(entries.map((entry) => entry.position.chain)).size).toBe(3);
        expect(entries.every((entry) => /^[0-9a-f]{8}$/.test(entry.position.chain))).toBe(true);
        expect(entries.at(-1)?.position).toEqual((await log.heads([member]))[0]);
        await log.acknowledge(member, [events[1]?.id ?? ''], null);
        const acknowledgedAt = (await readAll(log, member))[1]?.acknowledgedAt ?? 0;
        expect(acknowledgedAt).toBeGreaterThanOrEqual(before);
        expect(acknowledgedAt).toBeLessThanOrEqual(Date.now());
      });

      test('members are told apart, one inside a batch of many', async () => {
        const { append } = await beginning(log);
        const members = Array.from({ length: 30 }, () => unique('m'));
        const events = Array.from({ length: 90 }, (_, index) => eventOf(members[index % 30] ?? ''));
        await append(...events);
        for (const each of members) {
          const entries = await readAll(log, each);
          expect(idsOf(entries)).toEqual(events.filter((event) => event.member === each).map((event) => event.id));
          expect(entries.map((entry) => entry.position.sequence)).toEqual([1, 2, 3]);
        }
      });

      test('comes in pages that continue where the last one ended', async () => {
        const { append } = await beginning(log);
        const events = Array.from({ length: 7 }, () => eventOf(member));
        await append(...events);
        const first = await log.read(member, { after: null, limit: 3 });
        expect(first).toMatchObject({ scannedTo: 3, done: false, head: { sequence: 7 } });
        const second = await log.read(member, { after: null, limit: 3, from: first.scannedTo });
        const third = await log.read(member, { after: null, limit: 3, from: second.scannedTo });
        expect(third).toMatchObject({ scannedTo: 7, done: true });
        expect(idsOf([...first.entries, ...second.entries, ...third.entries])).toEqual(events.map((event) => event.id));
      });

      test('without a position everything retained comes; pending only leaves out what was acknowledged', async () => {
        const { append } = await beginning(log);
        const [a, b, c] = [eventOf(member), eventOf(member), eventOf(member)];
        await append(a, b, c);
        await log.acknowledge(member, [b.id], null);
        expect(idsOf(await readAll(log, member))).toEqual([a.id, b.id, c.id]);
        expect(idsOf(await readAll(log, member, { pendingOnly: true }))).toEqual([a.id, c.id]);
      });

      test('behind a position come all later entries, and of the earlier ones those still pending', async () => {
        const { append } = await beginning(log);
        const events = Array.from({ length: 5 }, () => eventOf(member));
        await append(...events);
        await log.acknowledge(member, [events[0]?.id ?? '', events[3]?.id ?? ''], null);
        const after = (await readAll(log, member))[2]?.position ?? null;
        expect((await readAll(log, member, { after })).map((entry) => entry.position.sequence)).toEqual([2, 3, 4, 5]);
        expect((await readAll(log, member, { after, pendingOnly: true })).map((entry) => entry.position.sequence)).toEqual([
          2, 3, 5,
        ]);
        await log.acknowledge(
          member,
          events.map((event) => event.id),
          null,
        );
        expect((await readAll(log, member, { after })).map((entry) => entry.position.sequence)).toEqual([4, 5]);
        const page = await log.read(member, { after: (await readAll(log, member)).at(-1)?.position ?? null, limit: 5 });
        expect(page).toMatchObject({ entries: [], scannedTo: 5, done: true, continuity: 'kept' });
      });

      test('says whether the log continues a position: another epoch is lost, another past is rewound, a mere generation is kept', async () => {
        const { append, source } = await beginning(log);
        await append(eventOf(member), eventOf(member), eventOf(member));
        await log.acknowledge(member, idsOf(await readAll(log, member)) as string[], null); // none is null
        const [first, second, third] = (await readAll(log, member)).map((entry) => entry.position) as [
          Position,
          Position,
          Position,
        ];
        const ask = async (after: Position) => {
          const page = await log.read(member, { after, limit: 10 });
          return [page.continuity, page.entries.map((entry) => entry.position.sequence)];
        };
        expect(await ask(second)).toEqual(['kept', [3]]);
        expect(await ask({ ...second, epoch: 'another' })).toEqual(['lost', [1, 2, 3]]);
        expect(await ask({ ...second, sequence: 4 })).toEqual(['rewound', [1, 2, 3]]);
        expect(await ask({ ...second, chain: first.chain, generation: 0 })).toEqual(['rewound', [1, 2, 3]]);
        expect(await ask({ ...third, chain: first.chain, generation: 0 })).toEqual(['rewound', [1, 2, 3]]);
        await source.restart(3);
        expect((await log.heads([member]))[0]?.generation).toBeGreaterThan(second.generation);
        expect(await ask(second)).toEqual(['kept', [3]]);
        expect(await ask(third)).toEqual(['kept', []]);
        expect(await ask({ ...third, sequence: 0, chain: '' })).toEqual(['kept', [1, 2, 3]]);
      });

      test('fetch gives single entries as they are now, null where there is none', async () => {
        const { append } = await beginning(log);
        const [a, b] = [eventOf(member), eventOf(member)];
        await append(a, b, eventOf(member, unique('late'), { expiresAt: Date.now() - 1 }));
        await log.acknowledge(member, [a.id], null);
        const found = await log.fetch(member, [2, 1, 3, 4, 2]);
        expect(idsOf(found)).toEqual([b.id, a.id, null, null, b.id]);
        expect(found[1]?.acknowledgedAt).toEqual(expect.any(Number));
        expect(found[0]).toEqual((await readAll(log, member))[1]);
        expect(await log.fetch(member, [])).toEqual([]);
        expect(await log.fetch(unique('nobody'), [1])).toEqual([null]);
      });

      test('heads answers in the order asked, members asked twice and unknown ones included', async () => {
        const { append } = await beginning(log);
        const members = Array.from({ length: 20 }, () => unique('m'));
        await append(...members.flatMap((each, index) => Array.from({ length: index }, () => eventOf(each))));
        const asked = [...members.toReversed(), unique('nobody'), members[3] ?? ''];
        expect((await log.heads(asked)).map((head) => head.sequence)).toEqual([...members.keys().toArray().toReversed(), 0, 3]);
        expect(await log.heads([])).toEqual([]);
      });
    });

    describe('acknowledge', () => {
      test('closes an entry once, and says so the second time', async () => {
        const { append } = await beginning(log);
        const [a, b] = [eventOf(member), eventOf(member)];
        await append(a, b);
        const never = eventOf(member).id;
        expect(await log.acknowledge(member, [b.id, never, b.id], null)).toEqual({
          acknowledged: [b.id],
          alreadyAcknowledged: [],
          unknown: [never],
        });
        expect(await log.acknowledge(member, [a.id, b.id], null)).toEqual({
          acknowledged: [a.id],
          alreadyAcknowledged: [b.id],
          unknown: [],
        });
        expect(await readAll(log, member, { pendingOnly: true })).toEqual([]);
        expect(await log.acknowledge(member, [], null)).toEqual({ acknowledged: [], alreadyAcknowledged: [], unknown: [] });
      });

      test('ids of other members, of expired entries and of accounts out of sight are unknown, acknowledged or not', async () => {
        const { append } = await beginning(log);
        const own = eventOf(member, unique('own'), { accountId: 'A|1"' });
        const other = eventOf(member, unique('other'), { accountId: 'A2' });
        const free = eventOf(member);
        const expired = eventOf(member, unique('expired'), { expiresAt: Date.now() - 1 });
        const foreign = eventOf(unique('foreign'));
        await append(own, other, free, expired, foreign);
        const ids = [own, other, free, expired, foreign].map((event) => event.id);
        const unknown = [other.id, expired.id, foreign.id];
        expect(await log.acknowledge(member, ids, ['A|1"', 'A3'])).toMatchObject({ acknowledged: [own.id, free.id], unknown });
        expect(await log.acknowledge(member, ids, [])).toMatchObject({
          alreadyAcknowledged: [free.id],
          unknown: [own.id, ...unknown],
        });
        expect(await log.acknowledge(foreign.member, [foreign.id], null)).toMatchObject({ acknowledged: [foreign.id] });
      });

      test('strange ids are unknown, whatever they contain', async () => {
        const { append } = await beginning(log);
        await append(eventOf(member));
        const strange = ['', 's', 'q1', '|', '\u0000', '\ud800', '*', 'x'.repeat(10_000)];
        expect(await log.acknowledge(member, strange, ['s', '|'])).toEqual({
          acknowledged: [],
          alreadyAcknowledged: [],
          unknown: strange,
        });
        expect(await readAll(log, member, { pendingOnly: true })).toHaveLength(1);
      });
    });

    describe('best-effort events', () => {
      test('are kept as the latest on their channel, take no sequence and are never read', async () => {
        const { append } = await beginning(log);
        const [first, second] = [eventOf(member, unique('p'), passing), eventOf(member, unique('p'), passing)];
        const elsewhere = eventOf(member, unique('p'), { ...passing, channel: `/member/${member}/rte/w2` });
        expect(await append(first, eventOf(member), second, elsewhere, second)).toMatchObject({ appended: 4, duplicates: 1 });
        expect(await append(second)).toMatchObject({ appended: 0, duplicates: 1 });
        expect(await log.latest(member, first.channel)).toEqual(second);
        expect(await log.latest(member, elsewhere.channel)).toEqual(elsewhere);
        expect(await log.latest(unique('other'), first.channel)).toBe(null);
        expect(await log.latest(member, '/member/x/rte/none')).toBe(null);
        expect((await log.heads([member]))[0]?.sequence).toBe(1);
        expect(await readAll(log, member)).toHaveLength(1);
      });

      test('are stale below the position like any record', async () => {
        const { append, topic } = await beginning(log);
        const zombie = log.source(topic, 0);
        await zombie.resume();
        const [old, now] = [eventOf(member, unique('p'), passing), eventOf(member, unique('p'), passing)];
        await append(old, now);
        expect(await zombie.append(1, recordsOf([old]))).toMatchObject({ stale: 1, appended: 0 });
        expect(await log.latest(member, now.channel)).toEqual(now);
      });
    });

    describe('doorbell', () => {
      test('rings for everything that happens to the member, in order, and for nobody else', async () => {
        const { append } = await beginning(log);
        const rings: Ring[] = [];
        const twice: Ring[] = [];
        const listener = await log.listen(member, (ring) => void rings.push(ring));
        const second = await log.listen(member, (ring) => void twice.push(ring));
        const [a, b] = [eventOf(member, unique('a'), { data: { text: 'ä|😀' } }), eventOf(member)];
        const p = eventOf(member, unique('p'), passing);
        await append(eventOf(unique('other')), a, p, b, a);
        await log.acknowledge(member, [b.id, a.id, b.id], null);
        await log.acknowledge(member, [b.id], null);
        await until(() => rings.length >= 4 && twice.length >= 4, 'four rings');
        expect(rings.map((ring) => ring.kind)).toEqual(['entry', 'passing', 'entry', 'acknowledged']);
        expect(rings).toEqual(twice);
        const [first, passed, third, closed] = rings;
        expect(passed).toEqual({ kind: 'passing', event: p });
        expect(closed).toEqual({ kind: 'acknowledged', ids: [b.id, a.id] });
        const read = (await readAll(log, member)).map((entry): Entry => ({ ...entry, acknowledgedAt: null }));
        expect([first, third]).toEqual(read.map((entry) => ({ kind: 'entry', entry })));
        listener.close();
        second.close();
      });

      test('is silent after close, which may come twice, and leaves the other listeners alone', async () => {
        const { append } = await beginning(log);
        const heard: string[] = [];
        const one = await log.listen(member, () => void heard.push('one'));
        const two = await log.listen(member, () => {
          heard.push('two');
          one.close();
        });
        one.close();
        one.close();
        await append(eventOf(member));
        await until(() => heard.length > 0, 'a ring');
        const again = await log.listen(member, () => void heard.push('again'));
        two.close();
        await append(eventOf(member));
        await until(() => heard.includes('again'), 'a ring');
        expect(heard).toEqual(['two', 'again']);
        again.close();
      });

      test('who listens, then reads, misses nothing', async () => {
        const { append } = await beginning(log);
        const events = Array.from({ length: 60 }, () => eventOf(member));
        const writing = (async () => {
          for (const event of events) await append(event);
        })();
        await until(async () => ((await log.heads([member]))[0]?.sequence ?? 0) > 10, 'some entries');
        const heard: string[] = [];
        const listener = await log.listen(member, (ring) => void (ring.kind === 'entry' && heard.push(ring.entry.event.id)));
        const read = idsOf(await readAll(log, member));
        await writing;
        await until(() => new Set([...read, ...heard]).size === events.length, 'every event, read or heard');
        expect(heard).toEqual(events.map((event) => event.id).slice(events.length - heard.length));
        listener.close();
      });
    });

    describe('reap', () => {
      test('an expired entry is hidden at once, handed over for burial, and its id stays known', async () => {
        const { append } = await beginning(log);
        const expired = eventOf(member, unique('expired'), { expiresAt: Date.now() - 1, accountId: 'A1' });
        const kept = eventOf(member);
        await append(expired, kept);
        expect(idsOf(await readAll(log, member))).toEqual([kept.id]);
        const buried: Entry[] = [];
        const bury = async (entries: readonly Entry[]) => void buried.push(...entries);
        expect(await log.reap(bury)).toMatchObject({ buried: 1, unburied: 0 });
        expect(await log.reap(bury)).toMatchObject({ buried: 0, unburied: 0 });
        expect(buried).toHaveLength(1);
        expect(buried[0]).toMatchObject({ event: expired, acknowledgedAt: null, position: { sequence: 1 } });
        expect(await append(expired)).toMatchObject({ appended: 0, duplicates: 1 });
        expect(await log.acknowledge(member, [expired.id], null)).toMatchObject({ unknown: [expired.id] });
        expect(idsOf(await readAll(log, member))).toEqual([kept.id]);
      });

      test('what cannot be buried stays, and is tried again', async () => {
        const { append } = await beginning(log);
        await append(eventOf(member, unique('expired'), { expiresAt: Date.now() - 1 }));
        const refuse = async () => {
          throw new Error('The dead-letter topic is not there.');
        };
        expect(await log.reap(refuse)).toMatchObject({ buried: 0, unburied: 1 });
        expect(await log.reap(refuse)).toMatchObject({ buried: 0, unburied: 1 });
        expect(await log.reap(async () => {})).toMatchObject({ buried: 1, unburied: 0 });
      });

      test('what was buried does not crowd its member any more', async () => {
        const { append } = await beginning(log);
        const expired = Array.from({ length: crowdedAt + 1 }, () => eventOf(member, unique('x'), { expiresAt: 1 }));
        expect(await append(...expired)).toMatchObject({ crowded: 1 });
        expect(await log.reap(async () => {})).toMatchObject({ buried: crowdedAt + 1 });
        expect(await append(eventOf(member))).toMatchObject({ appended: 1, crowded: 0 });
        expect((await readAll(log, member, { pendingOnly: true })).map((entry) => entry.position.sequence)).toEqual([
          crowdedAt + 2,
        ]);
      });

      test('expiry comes when its time has come', async () => {
        const { append } = await beginning(log);
        await append(eventOf(member, unique('soon'), { expiresAt: Date.now() + 150 }));
        const first = await log.reap(buryNothing);
        expect(first).toMatchObject({ buried: 0, unburied: 0 });
        await until(async () => (await log.reap(async () => {})).buried === 1, 'the burial');
        expect(await readAll(log, member)).toEqual([]);
      });

      test('hundreds of expired entries of one member are all buried, each once, also by several reapers at a time', async () => {
        const { append } = await beginning(log);
        const expired = Array.from({ length: 350 }, () => eventOf(member, unique('x'), { expiresAt: Date.now() - 1 }));
        await append(...expired);
        const buried: string[] = [];
        const bury = async (entries: readonly Entry[]) => void buried.push(...idsOf(entries).filter((id) => id !== null));
        await Promise.all([log.reap(bury), log.reap(bury), log.reap(bury)]);
        await log.reap(bury);
        expect(buried.toSorted()).toEqual(expired.map((event) => event.id).toSorted());
      });

      test('an acknowledged entry never is a dead letter, however late', async () => {
        const { append } = await beginning(log);
        const event = eventOf(member, unique('soon'), { expiresAt: Date.now() + 100 });
        await append(event);
        const { acknowledged } = await log.acknowledge(member, [event.id], null);
        expect(acknowledged).toEqual([event.id]);
        await until(() => Date.now() > (event.expiresAt ?? 0), 'the expiry');
        expect(await log.reap(buryNothing)).toMatchObject({ buried: 0, unburied: 0 });
        expect(idsOf(await readAll(log, member))).toEqual([event.id]);
        expect(await log.acknowledge(member, [event.id], null)).toMatchObject({ alreadyAcknowledged: [event.id] });
      });

      test('acknowledged payloads go after their time; what they were answered stays so', async () => {
        const short = await start({ acknowledgedForMs: 0, acknowledgedAtMost: 512, idsForMs: 3_600_000 });
        const { append } = await beginning(short);
        const [a, b] = [eventOf(member, unique('a'), { accountId: 'A1' }), eventOf(member)];
        await append(a, b);
        const position = (await readAll(short, member))[0]?.position ?? null;
        await short.acknowledge(member, [a.id], null);
        await until(async () => (await short.reap(buryNothing)).trimmed === 1, 'the trimming');
        expect(idsOf(await readAll(short, member))).toEqual([b.id]);
        expect(await short.fetch(member, [1])).toEqual([null]);
        expect(await append(a)).toMatchObject({ duplicates: 1 });
        expect(await short.acknowledge(member, [a.id], ['A1'])).toMatchObject({ alreadyAcknowledged: [a.id] });
        expect(await short.acknowledge(member, [a.id], ['A2'])).toMatchObject({ unknown: [a.id] });
        expect((await short.read(member, { after: position, limit: 10 })).continuity).toBe('kept');
      });

      test('of acknowledged entries only so many are kept, the newest; pending ones do not count', async () => {
        const short = await start({ acknowledgedForMs: 6_000, acknowledgedAtMost: 2, idsForMs: 3_600_000 });
        const { append } = await beginning(short);
        const events = Array.from({ length: 6 }, () => eventOf(member));
        await append(...events);
        await short.acknowledge(
          member,
          events.slice(1, 5).map((event) => event.id),
          null,
        );
        await until(async () => (await short.reap(buryNothing)).trimmed === 2, 'the trimming');
        expect((await readAll(short, member)).map((entry) => entry.position.sequence)).toEqual([1, 4, 5, 6]);
        expect(await short.reap(buryNothing)).toMatchObject({ trimmed: 0 });
      });

      test('ids past memory are forgotten from the oldest up, and the sequence goes on', async () => {
        const short = await start({ acknowledgedForMs: 0, acknowledgedAtMost: 512, idsForMs: 0 });
        const { append } = await beginning(short);
        const [a, b, c] = [eventOf(member), eventOf(member), eventOf(member)];
        await append(a, b, c);
        const position = (await readAll(short, member))[1]?.position ?? null;
        await short.acknowledge(member, [a.id, c.id], null);
        let forgotten = 0;
        await until(async () => (forgotten += (await short.reap(buryNothing)).forgotten) === 1, 'the forgetting');
        expect(await append(a, c)).toMatchObject({ appended: 1, duplicates: 1 });
        expect((await readAll(short, member)).map((entry) => [entry.event.id, entry.position.sequence])).toEqual([
          [b.id, 2],
          [a.id, 4],
        ]);
        await short.acknowledge(member, [a.id, b.id], null);
        await until(async () => (forgotten += (await short.reap(buryNothing)).forgotten) === 4, 'the forgetting');
        expect((await short.read(member, { after: position, limit: 10 })).continuity).toBe('kept');
        expect(await append(b)).toMatchObject({ appended: 1 });
        expect((await readAll(short, member)).map((entry) => entry.position.sequence)).toEqual([5]);
        const stale = await short.read(member, { after: { ...(position as Position), generation: 0 }, limit: 10 }); // read above
        expect(stale.continuity).toBe('rewound');
      });
    });

    test('entries fed again are marked so', async () => {
      const { source } = await beginning(log);
      await source.append(2, [...recordsOf([eventOf(member)]), ...recordsOf([eventOf(member)], 1, true)]);
      expect((await readAll(log, member)).map((entry) => entry.refed)).toEqual([false, true]);
    });

    test('a closed log answers UNAVAILABLE to everything, and its health says so', async () => {
      const { source } = await beginning(log);
      const listener = await log.listen(member, () => {});
      expect(log.health()).toEqual({ ok: true });
      await log.close();
      expect(log.health()).toMatchObject({ ok: false, reason: expect.stringContaining('closed') });
      const calls = [
        log.read(member, { after: null, limit: 1 }),
        log.fetch(member, [1]),
        log.heads([member]),
        log.latest(member, 'c'),
        log.acknowledge(member, ['x'], null),
        log.listen(member, () => {}),
        log.reap(buryNothing),
        source.resume(),
        source.begin(0),
        source.append(1, recordsOf([eventOf(member)])),
        source.verify(),
        source.restart(0),
      ];
      for (const result of await Promise.allSettled(calls)) {
        expect(result).toMatchObject({ status: 'rejected', reason: { code: 'UNAVAILABLE' } });
      }
      listener.close();
      await log.close();
    });
  });
}
