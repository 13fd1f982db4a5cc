import { expect } from 'vitest';

import { exampleEvent } from '../support/events.ts';
import { eventually } from '../support/eventually.ts';
import { subscribe } from '../support/graphql.ts';
import { tokenFor } from '../support/lifeline.ts';
import { gaps, quantile } from './harness/checker.ts';
import { fault, plainFault, withFleet } from './harness/fault.ts';
import type { Fleet } from './harness/fleet.ts';
import type { FailPoint } from './harness/instrument.ts';
import type { Load } from './harness/load.ts';
import {
  dropsWhatIsInTheWay,
  forgetsAcknowledgements,
  registersListenersInRedis,
  resumesWithoutReplay,
} from './harness/mutants.ts';
import { produce, produceFor } from './harness/produce.ts';

/** One of three gateways dies at the fail-point, again and again; its devices go elsewhere and come back. */
const killedAt = (at: FailPoint, nth: number) => ({
  fleet: { kill: { gateways: [{ at, nth }] } },
  control: { mutants: [resumesWithoutReplay], finds: ['false-recovered'] as const },
  async run({ fleet, load }: { fleet: Fleet; load: Load }) {
    const [victim] = fleet.gateways;
    await load.produce(600);
    await eventually(() => victim?.alive === false, { what: 'the gateway at its fail-point' });
    await load.produce(300);
    await victim?.start();
    for (let round = 0; round < 2; round++) {
      await load.produce(300);
      await fleet.gateways[1 + round]?.kill();
      await load.produce(100);
      await fleet.gateways[1 + round]?.start();
    }
    await load.produce(200);
  },
  also({ load }: { load: Load }) {
    expect(
      quantile(
        load.resumedAfter.toSorted((a, b) => a - b),
        0.5,
      ),
      'ms until half of the clients are back',
    ).toBeLessThan(5_000);
  },
});

fault('a gateway killed in the middle of sending loses nothing; what comes again elsewhere is flagged', {
  row: 5,
  quick: true,
  ...killedAt('between send and bookkeeping', 150),
});
fault('a gateway killed while a subscription begins leaves no gap behind', {
  row: 29,
  ...killedAt('between subscribe and read', 4),
});
fault('a gateway killed between reading the log and going live leaves no gap behind', {
  row: 29,
  ...killedAt('between read and merge', 4),
});
fault('a gateway killed between an acknowledgement and its answer: the client asks again, and nothing comes again', {
  row: 6,
  ...killedAt('between ack script and ack reply', 100),
  control: { mutants: [forgetsAcknowledgements], finds: ['lost'] },
});

fault('a rolling restart of all gateways under load: told to come back, every app does, without a reset and without a pause', {
  row: 42,
  // One device a member: with two, the one whose gateway stays would hide the other's pause.
  load: { members: 12, devicesPerMember: 1 },
  control: { mutants: [resumesWithoutReplay], finds: ['false-recovered'] },
  async run({ fleet, load }) {
    for (const gateway of fleet.gateways) {
      const deployed = gateway.lifeline.stop().then(() => gateway.start());
      await Promise.all([deployed, load.produce(400)]);
    }
    await load.produce(200);
  },
  also({ history, load, note }) {
    const p99 = quantile(gaps(history), 0.99);
    const told = load.closeCodes.filter((code) => code === 1012).length;
    note(`p99 ${p99.toFixed(2)} s, ${told} connections told to come back (1012)`);
    expect(load.resyncs).toBe(0);
    expect(told).toBeGreaterThan(0);
    expect(p99).toBeLessThan(3);
  },
});

const floodPerSecond = 1_500;
const calmEvents = 300;

fault('a flood of progress events takes nothing from critical ones', {
  row: 45,
  load: { eventsPerSecond: 100 },
  fleet: { gateways: 2, bridges: 1 },
  control: { mutants: [dropsWhatIsInTheWay], finds: ['false-recovered'] },
  async run({ fleet, load, note }) {
    await load.produce(calmEvents);
    let flooding = true;
    let passed = 0;
    const flood = async () => {
      while (flooding) {
        const began = Date.now();
        const events = Array.from({ length: floodPerSecond / 10 }, (_, nth) =>
          exampleEvent('rte.progress', { member: `m-${nth % 6}`, channelId: `w-${nth % 24}` }),
        );
        await produce(fleet, events);
        passed += events.length;
        await new Promise((resolve) => setTimeout(resolve, Math.max(0, began + 100 - Date.now())));
      }
    };
    const flooded = flood();
    await load.produce(700).finally(() => (flooding = false));
    await flooded;
    note(`${passed} progress events`);
  },
  also({ history: { produced, deliveries }, note }) {
    const p99 = (events: typeof produced) => quantile(gaps({ produced: events, deliveries }), 0.99);
    const [before, during] = [p99(produced.slice(0, calmEvents)), p99(produced.slice(calmEvents))];
    note(`p99 of critical ones ${before.toFixed(2)} s before, ${during.toFixed(2)} s during`);
    expect(during).toBeLessThan(3);
  },
});

plainFault('a killed gateway leaves nothing of its clients behind in Redis', {
  row: 45,
  control: { mutants: [registersListenersInRedis], fails: /keys that were not there before/ },
  run: ({ mutants, note }) =>
    withFleet({ gateways: 2, bridges: 1, mutants }, async (fleet) => {
      const keys = async () => new Set((await fleet.redis.command('KEYS', '*')) as string[]);
      const channels = async () => ((await fleet.redis.command('PUBSUB', 'CHANNELS', '*')) as string[]).length;
      const members = Array.from({ length: 40 }, (_, nth) => `online-${nth}`);
      for (const member of members) await produceFor(fleet, member, 1);
      const victim = fleet.gateways[0]?.lifeline;
      if (victim === undefined) throw new Error('There is no gateway.');
      await eventually(async () => [...(await keys())].filter((key) => key.includes(':m:online-')).length === members.length);
      const before = await keys();

      const clients = await Promise.all(members.map(async (member) => subscribe(victim.wsUrl, await tokenFor(member), member)));
      await Promise.all(clients.map((client) => client.take(1)));
      expect(await channels()).toBe(members.length);
      await victim.kill();
      const began = Date.now();
      await eventually(async () => (await channels()) === 0, { what: 'no channel left', withinMs: 15_000 });
      note(`${members.length} channels gone ${Date.now() - began} ms after the kill`);
      const left = [...(await keys())].filter((key) => !before.has(key) && !key.endsWith(':reaper'));
      expect(left, 'keys that were not there before').toEqual([]);
      for (const client of clients) client.stop();
    }),
});
