import { createKeys } from '../../src/log/redis-keys.ts';
import { slotOf } from '../../src/log/redis-slot.ts';
import { eventually } from '../support/eventually.ts';
import { fault } from './harness/fault.ts';
import { knowsEpochsOnly, trustsTheDoorbell } from './harness/mutants.ts';

/** Of the product's defaults. */
const keys = createKeys('lifeline', 128);
/** Where the log of the load's members stands: six of them, and each is busy. */
const busySlots = [...new Set(Array.from({ length: 6 }, (_, nth) => slotOf(keys.part(keys.partOf(`m-${nth}`)))))];

fault('hash slots of busy members move from node to node, key by key, while events flow', {
  row: 47,
  fleet: { redis: { shape: 'cluster', replicas: false, nodeTimeoutMs: 5_000 }, gateways: 2, bridges: 2 },
  load: { eventsPerSecond: 100 },
  control: { mutants: [trustsTheDoorbell], finds: ['false-recovered'] },
  async run({ fleet, load, random, note }) {
    const { cluster } = fleet.servers;
    await load.produce(100);
    for (let round = 0; round < 2; round++) {
      for (const slot of busySlots) {
        const owner = await cluster.ownerOf(slot);
        const others = cluster.primaries.filter(({ id }) => id !== owner.id);
        const to = others[Math.floor(random() * others.length)];
        if (to !== undefined) await cluster.moveSlot(slot, to, { batch: 1, between: () => load.produce(10) });
        await load.produce(20);
      }
    }
    note(`${2 * busySlots.length} slots moved`);
    await load.produce(100);
    await fleet.ready();
  },
});

fault(
  'a node of a Cluster dies with what its replica had not heard of: the replica takes over, and clients that were ahead miss nothing',
  {
    row: 13,
    fleet: { redis: { shape: 'cluster', nodeTimeoutMs: 2_000 }, gateways: 2, bridges: 2 },
    load: { scattered: true },
    allowed: { reorder: true, resurrection: true },
    control: { mutants: [knowsEpochsOnly], finds: ['false-recovered'] },
    timeoutMs: 240_000,
    async run({ fleet, load, note }) {
      const { cluster } = fleet.servers;
      const owner = await cluster.ownerOf(busySlots[0] ?? 0);
      const index = cluster.primaries.findIndex(({ id }) => id === owner.id);
      const [victim, heir] = [cluster.primaries[index]?.redis, cluster.replicas[index]?.redis];
      if (victim === undefined || heir === undefined) throw new Error('Every primary has a replica.');
      await load.produce(300);
      // Turned away at the door, as a replica without the password is: it stands still, and its primary goes on.
      await heir.command('CONFIG', 'SET', 'masterauth', 'not-wanted');
      await victim.command('CLIENT', 'KILL', 'TYPE', 'replica');
      await load.produce(400);
      const began = Date.now();
      await victim.kill();
      const promotion = eventually(async () => String(await heir.command('ROLE')).startsWith('master'), {
        what: 'the replica to take over',
        withinMs: 40_000,
      });
      await Promise.all([load.produce(300), promotion.then(() => note(`promoted after ${Date.now() - began} ms`))]);
      await heir.command('CONFIG', 'SET', 'masterauth', '');
      await victim.restart();
      await load.produce(300);
      await fleet.ready();
    },
  },
);
