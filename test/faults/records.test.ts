import { expect } from 'vitest';

import { exampleEvent, structuredRecord } from '../support/events.ts';
import { eventually } from '../support/eventually.ts';
import type { ProducedRecord } from '../support/kafka.ts';
import { check, worstGap } from './harness/checker.ts';
import { fault, plainFault, type PlainFault, withFleet } from './harness/fault.ts';
import type { Fleet, FleetOptions } from './harness/fleet.ts';
import { type Load, startLoad } from './harness/load.ts';
import {
  appliesABatchBackwards,
  doesNotWaitForDeadLetters,
  dropsEveryFifthBatch,
  knowsNoIds,
  losesExpiredDeadLetters,
  skipsBeforeTheDeadLetter,
  takesAnyBatchForTheNext,
} from './harness/mutants.ts';
import { seed } from './harness/random.ts';

/** FAULT_SCALE makes the long ones longer. */
const scale = Number(process.env['FAULT_SCALE'] ?? 1);

fault('records that come twice, at once or long after, have one sequence and are told once', {
  row: 22,
  quick: true,
  load: {
    // As a producer without idempotence that hears no answer, and one that tells an old story again under its old ids.
    send: async ({ kafka, topic, records, random }) => {
      await kafka.produce(topic, records);
      if (random() < 0.3) await kafka.produce(topic, records);
    },
  },
  control: { mutants: [knowsNoIds], finds: ['unflagged-duplicate'] },
  async run({ fleet, load, random }) {
    await load.produce(400);
    const again = Array.from({ length: 200 }, () => Math.floor(random() * load.produced.length)).map((index) =>
      exampleEvent('rte.failed', { member: load.produced[index]?.member ?? '', id: `e-${index + 1}`, channelId: `w-${index + 1}` }),
    );
    await fleet.kafka.produce(fleet.topics.coverage, again.map(structuredRecord));
    await load.produce(200);
  },
});

fault('a Kafka client that goes on behind records it never handed out is made to fetch them', {
  row: 25,
  fleet: { mutants: [dropsEveryFifthBatch] },
  control: { mutants: [takesAnyBatchForTheNext], finds: ['lost'] },
  async run({ load }) {
    await load.produce(1_000);
  },
});

fault("a member's events come in the order of their production, whatever breaks meanwhile", {
  row: 28,
  timeoutMs: 180_000 * scale,
  load: { members: 12 },
  control: { mutants: [appliesABatchBackwards], finds: ['order'] },
  async run({ fleet, load, random, note }) {
    const one = <T>(of: readonly T[]): T => of[Math.floor(random() * of.length)] as T; // of a list that is not empty
    const done: string[] = [];
    const breaks: Readonly<Record<string, () => Promise<void>>> = {
      'bridge killed': async () => {
        const bridge = one(fleet.bridges);
        await bridge.kill();
        await load.produce(100);
        await bridge.start();
      },
      'gateway killed': async () => {
        const gateway = one(fleet.gateways);
        await gateway.kill();
        await load.produce(50);
        await gateway.start();
      },
      'Redis killed': async () => {
        await fleet.redis.kill();
        await load.produce(50);
        await fleet.redis.restart();
      },
      'broker killed': async () => {
        await fleet.kafka.kill();
        await fleet.kafka.restart();
      },
      'link to Kafka cut': async () => {
        const { kafka } = one(fleet.bridges);
        kafka?.set({ do: 'reset' });
        await load.produce(50);
        kafka?.set({ do: 'pass' });
      },
      'link to Redis stalled': async () => {
        const { redis } = one([...fleet.bridges, ...fleet.gateways]);
        redis.set({ do: 'blackhole' });
        await load.produce(100);
        redis.set({ do: 'pass' });
      },
    };
    for (let round = 0; round < 6 * scale; round++) {
      const name = one(Object.keys(breaks));
      done.push(name);
      await load.produce(100 + Math.floor(random() * 100));
      await breaks[name]?.();
    }
    await load.produce(200);
    note(done.join(', '));
  },
});

/** One of each kind that can never be delivered, by a key to find it again. */
function poisonOf(serial: number): ProducedRecord {
  const good = exampleEvent('call.join', { member: 'm-0' });
  const kinds: readonly (string | Buffer)[] = [
    'no JSON {',
    '{}',
    Buffer.from([0xff, 0xfe, 0x00]),
    JSON.stringify({ ...good, type: 'no.such.type' }),
    JSON.stringify({ ...good, subject: 'm-*' }),
    JSON.stringify({ ...good, data: { ...good.data, callId: 7 } }),
    JSON.stringify({ ...good, time: new Date(Date.now() - 30 * 86_400_000).toISOString() }),
    'x'.repeat(100_000),
  ];
  const value = kinds[serial % kinds.length] ?? '';
  return { key: `poison-${serial}`, value, headers: { 'content-type': 'application/cloudevents+json' } };
}

interface Poisoned {
  readonly fleet: Fleet;
  readonly load: Load;
}

interface PoisonOptions extends FleetOptions {
  /** A dead letter may come twice: the bridge that sent it died before it knew. */
  readonly twice?: boolean;
}

/** Load with a poisoned record in most of its batches, and each of them in the dead-letter topic in the end. */
const poison =
  ({ twice = false, ...options }: PoisonOptions, breaks: (parts: Poisoned) => Promise<void>): PlainFault['run'] =>
  ({ mutants, random, note }) =>
    withFleet({ ...options, mutants }, async (fleet) => {
      let poisoned = 0;
      const load = startLoad(fleet, {
        random,
        send: ({ kafka, topic, records }) => {
          const among = random() < 0.8 ? [poisonOf(poisoned++)] : [];
          return kafka.produce(topic, records.toSpliced(Math.floor(random() * records.length), 0, ...among));
        },
      });
      const whole = async () => {
        await breaks({ fleet, load });
        await load.settle(mutants.length > 0 ? 5_000 : 60_000);
        return lettersOf(fleet);
      };
      const outcome = await whole().catch((error: unknown) => ({ error }));
      const history = { ...(await load.finish()), allowed: {} };
      if ('error' in outcome) throw outcome.error;

      const missing = Array.from({ length: poisoned }, (_, serial) => `poison-${serial}`).filter((key) => !outcome.has(key));
      expect(missing, `FAULT_SEED=${seed}: missing dead letters`).toEqual([]);
      const often = [...outcome].filter(([, from]) => new Set(from).size > 1 || from.length > (twice ? 2 : 1));
      expect(often, `FAULT_SEED=${seed}: dead letters that came too often`).toEqual([]);
      expect(check(history), `FAULT_SEED=${seed}`).toEqual([]);
      note(`${poisoned} poisoned, ${[...outcome.values()].flat().length} dead letters`);
      return { events: history.produced.length, copies: history.deliveries.length, worstGap: worstGap(history) };
    });

/** By key: where the records of the letters came from. */
async function lettersOf({ kafka, topics }: Fleet): Promise<Map<string, string[]>> {
  const letters = await kafka.readAll(topics.deadLetters);
  const found = new Map<string, string[]>();
  for (const { key, headers } of letters) {
    const from = `${headers['lifeline-partition']}/${headers['lifeline-offset']}`;
    found.set(key ?? '', [...(found.get(key ?? '') ?? []), from]);
  }
  return found;
}

plainFault('a bridge killed between a dead letter and its skip sends it once more and goes on', {
  row: 4,
  control: { mutants: skipsBeforeTheDeadLetter, fails: /missing dead letters/ },
  run: poison({ kill: { bridges: [{ at: 'between dead letter and skip', nth: 4 }] }, twice: true }, async ({ fleet, load }) => {
    const [victim] = fleet.bridges;
    await load.produce(500);
    await eventually(() => victim?.alive === false, { what: 'the bridge at its fail-point' });
    await load.produce(300);
    await victim?.start();
    await load.produce(200);
  }),
});

plainFault('poison of every kind ends in the dead-letter topic, exactly that, and holds up nobody', {
  row: 27,
  quick: true,
  control: { mutants: [losesExpiredDeadLetters], fails: /missing dead letters/ },
  run: poison({}, async ({ fleet, load }) => {
    await load.produce(400);
    // Ten times what Kafka takes by default, so that a whole fetch is this record alone.
    await fleet.kafka.produce(fleet.topics.coverage, [{ key: 'monster', value: Buffer.alloc(10 * 1024 * 1024, 'x') }]);
    await load.produce(300);
    await eventually(async () => (await lettersOf(fleet)).has('monster'), { what: 'the dead letter of 10 MiB' });
  }),
});

plainFault('poison while the dead-letter topic is away holds up its own partition, is told of, and is not skipped', {
  row: 27,
  control: { mutants: [doesNotWaitForDeadLetters], fails: /waits for the dead-letter topic/ },
  run: poison({}, async ({ fleet, load }) => {
    // Before there is any poison: what the topic held would go with it.
    await fleet.kafka.deleteTopic(fleet.topics.deadLetters);
    try {
      await load.produce(400);
      const lines = () => fleet.bridges.flatMap(({ lifeline }) => lifeline.log);
      await eventually(() => lines().some(({ msg, need }) => need === 'dead-letters' && /waiting/.test(msg)), {
        withinMs: 15_000,
        what: 'that a bridge waits for the dead-letter topic',
      });
      const states = await Promise.all(fleet.bridges.map(({ lifeline }) => lifeline.readyz()));
      expect(states.map(({ status }) => status)).toContain(503);
      expect(JSON.stringify(states)).toContain(fleet.topics.deadLetters);
      const told = new Set(load.deliveries.map(({ id }) => id));
      const held = load.produced.filter(({ id }) => !told.has(id));
      expect(held.length, 'events held back behind poison').toBeGreaterThan(0);
    } finally {
      await eventually(() => fleet.kafka.createTopic(fleet.topics.deadLetters, 1).then(() => true), { what: 'the topic again' });
    }
    await load.produce(200);
  }),
});
