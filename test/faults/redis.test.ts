import { expect } from 'vitest';

import { createKeys } from '../../src/log/redis-keys.ts';
import { eventually } from '../support/eventually.ts';
import { fault, full, plainFault, withFleet } from './harness/fault.ts';
import {
  forgetsFailedAppends,
  goesOnAfterALoss,
  startsWithTheLatest,
  takesAnyPolicy,
  trustsTheDoorbell,
} from './harness/mutants.ts';

fault('Redis killed again and again, with its append-only file, loses nothing and resets nobody', {
  row: 9,
  quick: true,
  // `appendfsync everysec` holds writes back for up to two seconds while a sync takes its time: acknowledgements may be lost with the process.
  allowed: { resurrection: true },
  control: { mutants: [forgetsFailedAppends], finds: ['lost'] },
  timeoutMs: 300_000,
  async run({ fleet, load, random, note }) {
    const kills = full ? 30 : 5;
    for (let kill = 0; kill < kills; kill++) {
      const before = load.deliveries.length;
      await load.produce(40 + Math.floor(random() * 100));
      await eventually(() => load.deliveries.length > before, { what: 'events to flow again' });
      await fleet.redis.kill();
      await load.produce(20);
      await fleet.redis.restart();
    }
    note(`${kills} kills`);
    await load.produce(200);
    await fleet.ready();
    expect(load.resyncs).toBe(0);
  },
});

fault('the end of the append-only file lost with its machine, again and again: it is fed again, and reaches everybody', {
  row: 9,
  quick: true,
  allowed: { resurrection: true },
  control: { mutants: [goesOnAfterALoss], finds: ['lost'] },
  async run({ fleet, load, random, note }) {
    const deaths = full ? 20 : 4;
    let lost = 0;
    for (let death = 0; death < deaths; death++) {
      const before = load.deliveries.length;
      await load.produce(40 + Math.floor(random() * 100));
      await eventually(() => load.deliveries.length > before, { what: 'events to flow again' });
      await fleet.redis.kill();
      const bytes = Math.floor(random() * 30_000); // of up to some forty events, or of their acknowledgements
      lost += bytes;
      await fleet.redis.loseTail(bytes);
      await fleet.redis.restart();
    }
    note(`${deaths} times, ${Math.round(lost / 1024)} KiB`);
    await fleet.ready();
  },
});

fault('Redis killed without persistence: everybody is told, and the log is rebuilt from Kafka', {
  row: 10,
  fleet: { redis: { own: true } },
  allowed: { resurrection: true, reorder: true },
  control: { mutants: [startsWithTheLatest], finds: ['lost'] },
  async run({ fleet, load }) {
    await load.produce(400);
    await fleet.redis.restart();
    await load.produce(400);
    await fleet.ready();
  },
});

fault('Redis emptied under load: everybody is told, and the log is rebuilt from Kafka', {
  row: 11,
  quick: true,
  allowed: { resurrection: true, reorder: true },
  control: { mutants: [startsWithTheLatest], finds: ['lost'] },
  async run({ fleet, load, note }) {
    await load.produce(400);
    await fleet.redis.command('FLUSHALL');
    const began = Date.now();
    const devices = 12;
    const told = eventually(() => load.resyncs >= devices, { what: 'every device to be told' });
    await Promise.all([load.produce(400), told.then(() => note(`every device told after ${Date.now() - began} ms`))]);
  },
});

fault('doorbells that are lost, one in ten, cost a read and never an event', {
  row: 16,
  quick: true,
  control: { mutants: [trustsTheDoorbell], finds: ['false-recovered'] },
  async run({ fleet, load, random }) {
    for (const { redis } of fleet.gateways) redis.set({ do: 'drop-pushes', share: 0.1, random });
    await load.produce(1_500);
    for (const { redis } of fleet.gateways) redis.set({ do: 'pass' });
  },
});

fault('a Redis that stalls in silence is noticed within seconds, and nothing is lost when it comes back', {
  row: 18,
  control: { mutants: [trustsTheDoorbell], finds: ['false-recovered'] },
  async run({ fleet, load, note }) {
    await load.produce(300);
    const began = Date.now(); // before the stall, so that it is never flattered
    for (const { redis } of [...fleet.gateways, ...fleet.bridges]) redis.set({ do: 'blackhole' });
    const gateway = fleet.gateways[0]?.lifeline;
    await eventually(async () => (await gateway?.readyz())?.status === 503, { what: '/readyz red' });
    note(`noticed after ${Date.now() - began} ms`);
    expect(Date.now() - began).toBeLessThan(6_000); // 3 s, and what a busy machine adds
    await load.produce(300);
    // The bridges first: what they append now rings where no gateway hears it.
    for (const { redis } of fleet.bridges) redis.set({ do: 'pass' });
    await load.produce(150);
    for (const { redis } of fleet.gateways) redis.set({ do: 'pass' });
    await load.produce(150);
    await fleet.ready();
  },
});

/** Of the product's defaults. */
const keys = createKeys('lifeline', 128);

fault('a gateway too slow for its doorbells is cut off by Redis, and reads what it missed', {
  row: 17,
  fleet: { redis: { own: true, args: ['--client-output-buffer-limit', 'pubsub 2mb 2mb 1'] } },
  load: { eventsPerSecond: 100 },
  control: { mutants: [trustsTheDoorbell], finds: ['false-recovered'] },
  async run({ fleet, load, note }) {
    await load.produce(200);
    const listeners = async () => {
      const list = String(await fleet.redis.command('CLIENT', 'LIST', 'TYPE', 'PUBSUB'));
      return [...list.matchAll(/^id=(\d+)/gm)].map(([, id]) => id);
    };
    const before = await listeners();
    // Redis 7.0 does not count whom it cuts off; a connection never comes back under its id.
    const cutOff = async () => {
      const now = await listeners();
      return before.some((id) => !now.includes(id));
    };
    const [slow] = fleet.gateways;
    slow?.redis.set({ do: 'slow', bytesPerSecond: 50_000 });
    // Rings that mean nothing and weigh much: sockets hold some megabytes before Redis has to.
    const crowd = () =>
      Promise.all(
        Array.from({ length: 6 }, (_, nth) => fleet.redis.command('PUBLISH', keys.bell(`m-${nth}`), 'x'.repeat(100_000))),
      );
    let rounds = 0;
    await eventually(async () => (await cutOff()) || crowd().then(() => ++rounds < 0), { what: 'Redis to cut it off' });
    await load.produce(200);
    note(`cut off after ${(0.6 * rounds).toFixed(1)} MB of rings`);
    slow?.redis.set({ do: 'pass' });
    await load.produce(200);
    await fleet.ready();
  },
});

fault('a Redis that is out of memory takes all of a batch or none; the bridges wait, and catch up when there is room', {
  row: 19,
  control: { mutants: [forgetsFailedAppends], finds: ['lost'] },
  async run({ fleet, load, note }) {
    await load.produce(300);
    const used = /used_memory:(\d+)/.exec(String(await fleet.redis.command('INFO', 'memory')))?.[1] ?? '';
    await fleet.redis.command('CONFIG', 'SET', 'maxmemory', used);
    await load.produce(300);
    await eventually(
      async () => {
        const healths = await Promise.all(fleet.bridges.map(({ lifeline }) => lifeline.readyz()));
        return healths.some(({ checks }) => Object.values(checks).some(({ reason = '' }) => reason.includes('refuses to write')));
      },
      { what: 'a bridge to say why it waits' },
    );
    await load.produce(200);
    const delivered = new Set(load.deliveries.map(({ id }) => id)).size;
    note(`${load.produced.length - delivered} events waited in Kafka`);
    await fleet.redis.command('CONFIG', 'SET', 'maxmemory', 0);
    await load.produce(200);
    await fleet.ready();
  },
});

plainFault('a Redis that may evict is refused at the start, and turns what runs already red', {
  row: 20,
  quick: true,
  control: { mutants: [takesAnyPolicy], fails: /the refusal/ },
  run: ({ mutants, note }) =>
    withFleet({ gateways: 2, bridges: 1, mutants }, async (fleet) => {
      const [newcomer, running] = fleet.gateways;
      if (newcomer === undefined || running === undefined) throw new Error('There are two gateways.');
      await newcomer.kill();
      await fleet.redis.command('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru');
      // It may end before or after it says that it listens.
      const early = await newcomer.start().then(
        () => null,
        (error: Error) => error.message,
      );
      if (early === null) await eventually(() => !newcomer.alive, { what: 'the refusal' });
      expect(early ?? newcomer.lifeline.stderr()).toMatch(/may evict what is not delivered.*allkeys-lru/);
      if (early === null) expect(newcomer.lifeline.process.exitCode).toBeGreaterThan(0);

      const began = Date.now();
      const reasons = async () => Object.values((await running.lifeline.readyz()).checks).map(({ reason }) => reason);
      await eventually(async () => (await reasons()).some((reason) => reason?.includes('may evict')), {
        what: '/readyz to say so',
      });
      note(`a running gateway is red ${Date.now() - began} ms later at the latest`);
      await fleet.redis.command('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
      await newcomer.start();
      await fleet.ready();
    }),
});
