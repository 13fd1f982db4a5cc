import fc from 'fast-check';
import { expect, test } from 'vitest';

import { Feed } from '../../src/delivery/feed.ts';
import { Reader } from '../../src/delivery/reader.ts';
import { nextOf } from './next-of.ts';
import type { EventLog, Position, Ring } from '../../src/log/log.ts';
import { createMemoryLog } from '../../src/log/memory.ts';
import { coverageResult, createAppender } from '../support/entries.ts';

type Step =
  | { do: 'append'; count: number }
  | { do: 'acknowledge'; index: number }
  /** Hand over a ring that is on its way: any of them, so also out of order; `keep` leaves it there to come twice. */
  | { do: 'ring'; index: number; keep: boolean }
  | { do: 'lose'; index: number }
  | { do: 'sweep' }
  /** Every ring arrives, and what was lost is swept: now nothing may be missing. */
  | { do: 'calm' }
  | { do: 'interrupt' }
  | { do: 'pull'; count: number }
  /** As a stream does whose repeats turned out to be acknowledged. */
  | { do: 'advance' }
  /** A ring, or the loss of one, while an answer of the log is on its way. */
  | { do: 'overtake'; ring: Extract<Step, { do: 'ring' | 'lose' }> };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('append' as const), count: fc.integer({ min: 1, max: 130 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('acknowledge' as const), index: fc.nat(200) }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('ring' as const), index: fc.nat(200), keep: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('lose' as const), index: fc.nat(200) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('sweep' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('interrupt' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('advance' as const) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('calm' as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('overtake' as const),
      ring: fc.record({ do: fc.constant('ring' as const), index: fc.nat(200), keep: fc.boolean() }),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('pull' as const), count: fc.integer({ min: 1, max: 40 }) }) },
);

const member = 'm-1';

/** A log whose doorbell is in the test's hands: rings wait in `onTheirWay` until a step hands them over. */
async function setup() {
  const log = createMemoryLog();
  const append = await createAppender(log);
  const onTheirWay: Ring[] = [];
  await log.listen(member, (ring) => onTheirWay.push(ring));
  return { log, append, onTheirWay };
}

const readAll = async (log: EventLog) => (await log.read(member, { after: null, limit: 100_000 })).entries;

test('every interleaving of appends, acknowledgements, sweeps and doorbells lost, doubled or late gives each entry once, in order', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 25 }),
      fc.array(step, { maxLength: 60 }),
      fc.boolean(),
      async (before, steps, withCursor) => {
        const { log, append, onTheirWay } = await setup();
        const feed = new Feed();
        let appended = 0;
        let lost = false;
        const taken: { sequence: number; replayed: boolean }[] = [];
        let reader: Reader | undefined;
        let answersWaitFor = Promise.resolve();
        const slowLog: EventLog = {
          ...log,
          async read(...asked) {
            const answer = await log.read(...asked);
            await answersWaitFor;
            return answer;
          },
        };

        const note = (next: Awaited<ReturnType<typeof nextOf>>) => {
          if (next !== undefined) taken.push({ sequence: next.entry.position.sequence, replayed: next.replayed });
        };
        const run = async (current: Step) => {
          switch (current.do) {
            case 'append':
              await append(...Array.from({ length: current.count }, () => coverageResult(member, appended++)));
              break;
            case 'acknowledge':
              await log.acknowledge(member, [coverageResult(member, current.index).id], null);
              break;
            case 'ring':
            case 'lose': {
              if (current.do === 'lose') lost = true;
              const index = current.index % Math.max(1, onTheirWay.length);
              const ring = onTheirWay[index];
              if (current.do === 'lose' || !current.keep) onTheirWay.splice(index, 1);
              if (current.do === 'ring' && ring !== undefined) {
                feed.ring(ring);
                if (ring.kind === 'acknowledged') reader?.acknowledged(new Set(ring.ids), Date.now());
              }
              break;
            }
            case 'sweep': {
              const [head] = await log.heads([member]);
              if (head !== undefined) feed.learn(head, 'sweep');
              break;
            }
            case 'calm': {
              while (onTheirWay.length > 0) await run({ do: 'ring', index: 0, keep: false });
              // Only what no bell told needs the sweep.
              if (lost) await run({ do: 'sweep' });
              lost = false;
              await run({ do: 'pull', count: Number.POSITIVE_INFINITY });
              const [head] = await log.heads([member]);
              if (reader !== undefined) expect(reader.position?.sequence).toBe(head?.sequence);
              break;
            }
            case 'advance':
              await reader?.advance();
              break;
            case 'interrupt':
              feed.ring({ kind: 'interrupted' });
              break;
            case 'overtake': {
              const gate = Promise.withResolvers<void>();
              answersWaitFor = gate.promise;
              const answer = reader && nextOf(reader);
              await append(coverageResult(member, appended++));
              await run(current.ring);
              answersWaitFor = Promise.resolve();
              gate.resolve();
              note(await answer);
              break;
            }
            case 'pull':
              for (let count = 0; count < current.count; count++) {
                const next = reader && (await nextOf(reader));
                if (next === undefined) break;
                note(next);
              }
              break;
          }
        };

        for (const current of before) await run(current);
        onTheirWay.length = 0; // nobody listened yet
        const before1 = await readAll(log);
        const after: Position | null = withCursor ? (before1.at(Math.floor(before1.length / 2))?.position ?? null) : null;
        reader = new Reader(
          { log: slowLog, feed, member, after },
          { onRewound: () => expect.unreachable('nothing was lost'), onRefill: () => undefined },
        );
        feed.join({
          scannedTo: () => reader?.scannedTo ?? 0,
          wake: () => undefined,
          onPassing: () => undefined,
          onAcknowledged: () => undefined,
        });
        const first = await nextOf(reader); // the moment of subscribing
        note(first);
        const top = (await log.heads([member]))[0]?.sequence ?? 0;
        const pendingThen = new Set(
          (await readAll(log)).filter((entry) => entry.acknowledgedAt === null).map((entry) => entry.position.sequence),
        );
        const first1 = first?.entry.position.sequence;
        if (first1 !== undefined) pendingThen.add(first1);

        for (const current of steps) await run(current);
        await run({ do: 'calm' });

        const entries = await readAll(log);
        const due = entries.filter(({ position: { sequence }, acknowledgedAt }) => {
          if (sequence > top || sequence > (after?.sequence ?? top)) return true;
          return acknowledgedAt === null;
        });
        const sequences = taken.map(({ sequence }) => sequence);
        expect(sequences).toEqual(sequences.toSorted((a, b) => a - b));
        expect(new Set(sequences).size).toBe(sequences.length);
        const missing = due.filter(({ position }) => !sequences.includes(position.sequence));
        expect(missing.map(({ position }) => position.sequence)).toEqual([]);
        for (const { sequence, replayed } of taken) {
          expect(replayed).toBe(sequence <= top);
          // What came although it was not pending any more at the end was pending when it was read.
          if (sequence <= (after?.sequence ?? top)) expect(pendingThen).toContain(sequence);
        }
        await log.close();
      },
    ),
    { numRuns: 300 },
  );
});
