import { expect } from 'vitest';

import { eventually } from '../support/eventually.ts';
import { fault } from './harness/fault.ts';
import { forgetsFailedAppends, startsWithTheLatest, trustsTheDoorbell } from './harness/mutants.ts';

fault('Redis killed again and again, with its append-only file, loses nothing and resets nobody', {
  row: 9,
  quick: true,
  control: { mutants: [forgetsFailedAppends], finds: ['lost'] },
  async run({ fleet, load, random }) {
    for (let kill = 0; kill < 5; kill++) {
      await load.produce(150 + Math.floor(random() * 200));
      await fleet.redis.kill();
      await load.produce(50);
      await fleet.redis.restart();
    }
    await load.produce(200);
    await fleet.ready();
    expect(load.resyncs).toBe(0);
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
  async run({ fleet, load }) {
    await load.produce(400);
    await fleet.redis.command('FLUSHALL');
    await load.produce(400);
    await eventually(() => load.resyncs > 0, { what: 'a device that was told' });
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
  async run({ fleet, load }) {
    await load.produce(300);
    const began = Date.now();
    for (const { redis } of [...fleet.gateways, ...fleet.bridges]) redis.set({ do: 'blackhole' });
    const gateway = fleet.gateways[0]?.lifeline;
    await eventually(async () => (await gateway?.readyz())?.status === 503, { what: '/readyz red' });
    expect(Date.now() - began).toBeLessThan(4_000);
    await load.produce(300);
    for (const { redis } of [...fleet.gateways, ...fleet.bridges]) redis.set({ do: 'pass' });
    await load.produce(300);
    await fleet.ready();
  },
});
