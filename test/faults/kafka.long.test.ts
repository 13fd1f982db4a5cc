import { expect } from 'vitest';

import { eventually } from '../support/eventually.ts';
import type { Compression } from '../support/kafka.ts';
import { fault } from './harness/fault.ts';
import type { Fleet } from './harness/fleet.ts';
import type { Load, Sending } from './harness/load.ts';
import {
  appliesABatchBackwards,
  knowsGzipOnly,
  knowsTopicsByNameOnly,
  readsFourPartitions,
  readsUncommitted,
  dropsEveryFifthBatch,
  skipsWhatItMissed,
  takesAnyBatchForTheNext,
  takesOutOfRangeForTheEnd,
} from './harness/mutants.ts';

const wholeAgain = (fleet: Fleet) =>
  eventually(async () => [...(await fleet.kafka.leaders(fleet.topics.coverage)).values()].every(({ inSync }) => inSync), {
    withinMs: 60_000,
    what: 'all replicas in sync',
  });

fault('three brokers restarted one after the other lose nothing and mix up nothing', {
  row: 21,
  fleet: { brokers: 3, gateways: 2 },
  timeoutMs: 300_000,
  // A rolling restart need not cost a consumer its place, so what shows is that order is looked at.
  control: { mutants: [appliesABatchBackwards], finds: ['order'] },
  async run({ fleet, load }) {
    for (const node of fleet.kafka.nodes) {
      await load.produce(150);
      await node.kill('SIGTERM');
      await load.produce(150);
      await node.restart();
      await wholeAgain(fleet);
    }
    await load.produce(200);
  },
});

fault('a leader that is killed costs nothing: another replica has all that was acknowledged', {
  row: 21,
  fleet: { brokers: 3, gateways: 2 },
  timeoutMs: 300_000,
  control: { mutants: [skipsWhatItMissed], finds: ['lost'] },
  async run({ fleet, load, random }) {
    for (let kill = 0; kill < 3; kill++) {
      await load.produce(150);
      const leaders = await fleet.kafka.leaders(fleet.topics.coverage);
      const { leader } = leaders.get(Math.floor(random() * leaders.size)) ?? { leader: 1 };
      const victim = fleet.kafka.nodes.find(({ id }) => id === leader);
      await victim?.kill();
      await load.produce(200);
      await victim?.restart();
      await wholeAgain(fleet);
    }
    await load.produce(100);
  },
});

/** What one bridge's link to Kafka does for a while, and then the other's. */
const links = (each: (link: NonNullable<Fleet['bridges'][number]['kafka']>, load: Load) => Promise<void>) => ({
  control: { mutants: [skipsWhatItMissed], finds: ['lost'] as const },
  async run({ fleet, load }: { fleet: Fleet; load: Load }) {
    for (const { kafka } of fleet.bridges) {
      await load.produce(200);
      if (kafka !== null) await each(kafka, load);
    }
    await load.produce(200);
  },
});

fault('a link to Kafka that is cut again and again costs time only', {
  row: 21,
  ...links(async (link, load) => {
    for (let cut = 0; cut < 4; cut++) {
      link.set({ do: cut % 2 === 0 ? 'reset' : 'refuse' });
      await load.produce(60);
      link.set({ do: 'pass' });
      await load.produce(100);
    }
  }),
});
fault('a link to Kafka on which nothing comes through any more is noticed by the group, and the other bridge goes on', {
  row: 21,
  ...links(async (link, load) => {
    link.set({ do: 'blackhole' });
    await load.produce(100);
    await load.settle(30_000);
    link.set({ do: 'pass' });
  }),
});
fault('a link to Kafka of which one end has gone without a word is noticed by the group, and the other bridge goes on', {
  row: 21,
  ...links(async (link, load) => {
    link.set({ do: 'half-open' });
    await load.produce(100);
    await load.settle(30_000);
    link.set({ do: 'reset' });
    await load.produce(20);
    link.set({ do: 'pass' });
  }),
});
fault('a link to Kafka that is slower than what comes in catches up when it is fast again', {
  row: 21,
  ...links(async (link, load) => {
    link.set({ do: 'slow', bytesPerSecond: 8_000 });
    await load.produce(600);
    link.set({ do: 'pass' });
  }),
  // Nobody leaves the group here, so nobody resumes: what is lost has to be lost between client and lane.
  control: { mutants: [dropsEveryFifthBatch, takesAnyBatchForTheNext], finds: ['lost'] },
});

/** Records that Kafka's retention deletes before anybody applied them: they are gone, and all that can be done is to say so. */
const outOfRange = (cutOff: (fleet: Fleet) => Promise<() => Promise<void>>) => {
  const partitions = [0, 1, 2, 3];
  const perPartition = 40;
  let missed = 0;
  let alarms = 0;
  return {
    row: 26,
    control: { mutants: [takesOutOfRangeForTheEnd], finds: ['lost'] as const },
    async run({ fleet, load }: { fleet: Fleet; load: Load }) {
      const { kafka, bridges, topics } = fleet;
      await load.produce(200);
      await load.settle(15_000);
      const goOn = await cutOff(fleet);
      for (const partition of partitions) {
        await kafka.produce(
          topics.coverage,
          Array.from({ length: perPartition }, () => ({ value: 'never seen', partition })),
        );
        await kafka.truncate(topics.coverage, partition, -1);
      }
      await load.produce(200);
      await goOn();
      await load.produce(100);
      await load.settle(30_000);
      const count = async () => {
        const counts = await Promise.all(bridges.map(({ lifeline }) => lifeline.metric('lifeline_kafka_records_missed_total')));
        missed = counts.reduce((sum, each) => sum + each, 0);
        return missed >= partitions.length * perPartition;
      };
      // A partition that nobody's events are in is looked at a little later. Whether it was is asked below.
      await eventually(count).catch(() => undefined);
      alarms = bridges
        .flatMap(({ lifeline }) => lifeline.log)
        .filter(({ level, msg }) => level === 'error' && /retention/.test(msg)).length;
    },
    also({ note }: { note: (text: string) => void }) {
      expect(missed).toBe(partitions.length * perPartition);
      expect(alarms).toBe(partitions.length);
      note(`${missed} records missed, all of them counted`);
    },
  };
};

fault(
  'a log that was truncated beyond our position while no bridge ran is gone on with where it begins, and what is missing is counted',
  {
    ...outOfRange(async ({ bridges }) => {
      await Promise.all(bridges.map((bridge) => bridge.kill('SIGTERM')));
      return async () => void (await Promise.all(bridges.map((bridge) => bridge.start())));
    }),
  },
);
fault(
  'a log that is truncated beyond our position while bridges run is gone on with where it begins, and what is missing is counted',
  {
    ...outOfRange(async ({ bridges }) => {
      for (const { kafka } of bridges) kafka?.set({ do: 'refuse' });
      return async () => bridges.forEach(({ kafka }) => kafka?.set({ do: 'pass' }));
    }),
  },
);

let partitionsKnown = 0;
/** As a producer that hears of new partitions at once, not in five minutes. */
async function sendToAllPartitions({ kafka, topic, records }: Sending): Promise<void> {
  const { size } = await kafka.leaders(topic);
  if (size !== partitionsKnown) await kafka.close();
  partitionsKnown = size;
  await kafka.produce(topic, records);
}

fault('partitions added under load are read from their first record', {
  row: 21,
  load: { send: sendToAllPartitions },
  // A member can move to another partition then, so its order is not promised.
  allowed: { reorder: true },
  control: { mutants: [readsFourPartitions], finds: ['lost'] },
  async run({ fleet, load }) {
    await load.produce(300);
    await fleet.kafka.addPartitions(fleet.topics.coverage, 7);
    await load.produce(300);
    await fleet.kafka.addPartitions(fleet.topics.coverage, 12);
    await load.produce(600);
  },
});

const createAgain = async ({ kafka, topics }: Fleet) => {
  await kafka.deleteTopic(topics.coverage);
  await eventually(() => kafka.createTopic(topics.coverage, 4).then(() => true), { what: 'the topic again' });
};

fault('a topic deleted and created again under load starts over, however soon it is fuller than before', {
  row: 26,
  load: { eventsPerSecond: 800 },
  // What stands beyond the old positions can be read before the new life is noticed.
  allowed: { reorder: true },
  control: { mutants: knowsTopicsByNameOnly, finds: ['lost'] },
  async run({ fleet, load }) {
    for (let life = 0; life < 2; life++) {
      await load.produce(80);
      await load.settle(15_000);
      await createAgain(fleet);
      await load.produce(800);
    }
  },
});
fault('a topic deleted and created again while no bridge runs starts over, also when it is fuller than before', {
  row: 26,
  load: { eventsPerSecond: 800 },
  control: { mutants: knowsTopicsByNameOnly, finds: ['lost'] },
  async run({ fleet, load }) {
    await load.produce(200);
    await load.settle(15_000);
    await Promise.all(fleet.bridges.map((bridge) => bridge.kill('SIGTERM')));
    await createAgain(fleet);
    await load.produce(800);
    await Promise.all(fleet.bridges.map((bridge) => bridge.start()));
    await load.produce(200);
  },
});

const compressions: readonly Compression[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd'];

fault('batches in every compression that Kafka has are read, also across the death of a bridge', {
  row: 21,
  load: {
    send: ({ kafka, topic, records, random }) =>
      kafka.produce(topic, records, compressions[Math.floor(random() * compressions.length)]),
  },
  control: { mutants: [knowsGzipOnly], finds: ['lost'] },
  async run({ fleet, load }) {
    await load.produce(400);
    await fleet.bridges[0]?.kill();
    await load.produce(200);
    await fleet.bridges[0]?.start();
    await load.produce(200);
  },
});

/** An aborted transaction that would tell each event to somebody else, and then the committed one. */
async function transact({ kafka, topic, records }: Sending): Promise<void> {
  const wrong = records.map(({ value, ...rest }) => {
    const event = JSON.parse(String(value)) as { subject: string };
    return { ...rest, value: JSON.stringify({ ...event, subject: event.subject === 'm-0' ? 'm-1' : 'm-0' }) };
  });
  await kafka.transact(topic, wrong, 'abort');
  await kafka.transact(topic, records, 'commit');
}

fault('transactions: what was aborted is never seen, and markers hold up nothing', {
  row: 21,
  load: { send: transact },
  control: { mutants: [readsUncommitted], finds: ['foreign'] },
  async run({ fleet, load }) {
    await load.produce(150);
    await fleet.bridges[0]?.kill();
    await load.produce(50);
    await fleet.bridges[0]?.start();
    await load.produce(50);
  },
});
