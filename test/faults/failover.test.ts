import { expect } from 'vitest';

import { eventually } from '../support/eventually.ts';
import { acknowledge, pending, request, subscribe } from '../support/graphql.ts';
import type { TestRedis } from '../support/redis.ts';
import { tokenFor } from '../support/lifeline.ts';
import type { History } from './harness/checker.ts';
import { fault, plainFault, withFleet } from './harness/fault.ts';
import type { Fleet, Member } from './harness/fleet.ts';
import { goesOnAfterALoss, knowsEpochsOnly, listensWhereNobodyRings, looksBackAtNothing } from './harness/mutants.ts';
import { produceFor } from './harness/produce.ts';

/** What was connected elsewhere is cut. */
const lead = (members: readonly Member[], { port }: TestRedis) => members.forEach(({ redis }) => redis.retarget(port));
const everybody = ({ gateways, bridges }: Fleet) => [...gateways, ...bridges];

/**
 * Acknowledgements are lost with the suffix that held them, so what they closed comes again. Events of a member that stand in several
 * partitions are fed again in another order: that is what gives lost sequences to other events.
 */
const losesASuffix = {
  fleet: { redis: { shape: 'pair' } },
  load: { scattered: true },
  allowed: { reorder: true, resurrection: true },
  control: { mutants: [knowsEpochsOnly], finds: ['false-recovered'] },
  also({ history, note }: { history: History; note: (text: string) => void }) {
    const { moved, ahead } = replaced(history);
    note(`${moved} sequences given to another event, ${ahead} copies of these to devices that were ahead`);
    expect(ahead).toBeGreaterThan(0);
  },
} as const;

/** Sequences that stood for one event and then for another, and how often a device that had seen as far got the second one. */
function replaced({ deliveries }: History) {
  const first = new Map<string, string>();
  const newest = new Map<string, number>();
  const moved = new Set<string>();
  let ahead = 0;
  for (const { device, member, sequence, id } of deliveries) {
    if (sequence === null) continue;
    const place = `${member} ${sequence}`;
    const known = first.get(place);
    if (known === undefined) first.set(place, id);
    else if (known !== id) {
      moved.add(place);
      if ((newest.get(device) ?? 0) >= sequence) ahead++;
    }
    newest.set(device, Math.max(newest.get(device) ?? 0, sequence));
  }
  return { moved: moved.size, ahead };
}

fault(
  'a replica without the last three seconds takes over: events under sequences that lost ones had reach clients that were ahead',
  {
    row: 13,
    quick: true,
    ...losesASuffix,
    async run({ fleet, load }) {
      const { pair } = fleet.servers;
      await load.produce(300);
      pair.replication.set({ do: 'blackhole' });
      await load.produce(600);
      await pair.a.kill();
      await load.produce(50);
      await pair.promote(pair.b);
      lead(everybody(fleet), pair.b);
      await load.produce(300);
      await fleet.ready();
    },
  },
);

fault('Sentinels promote a replica that lags: the bridges feed again what it lacks, and each member gets everything in order', {
  row: 13,
  fleet: { redis: { shape: 'sentinel' }, gateways: 2 },
  load: { overlooks: 0.2 },
  allowed: { resurrection: true },
  control: { mutants: [goesOnAfterALoss], finds: ['lost'] },
  async run({ fleet, load, note }) {
    const { sentinels } = fleet.servers;
    const [first, second] = sentinels.servers;
    await load.produce(300);
    await sentinels.cutReplication();
    await load.produce(600);
    const began = Date.now();
    await first.kill();
    const promoted = sentinels.promoted(second).then(() => note(`promoted after ${Date.now() - began} ms`));
    await Promise.all([promoted, load.produce(400)]);
    await load.produce(200);
    await fleet.ready();
  },
});

fault('split brain: a bridge and a gateway that stay with the old primary for a while, and come back', {
  row: 14,
  ...losesASuffix,
  async run({ fleet, load }) {
    const { pair } = fleet.servers;
    const lonely = [fleet.gateways[0], fleet.bridges[0]].filter((member) => member !== undefined);
    await load.produce(300);
    pair.replication.set({ do: 'refuse' });
    await pair.promote(pair.b);
    lead(
      everybody(fleet).filter((member) => !lonely.includes(member)),
      pair.b,
    );
    await load.produce(600);
    await pair.demote(pair.a);
    lead(lonely, pair.b);
    await load.produce(300);
    await fleet.ready();
  },
});

fault(
  'there and back: a primary that was demoted for a moment in which nobody looked has lost its tail, and is still called the same',
  {
    row: 14,
    ...losesASuffix,
    async run({ fleet, load }) {
      const { pair } = fleet.servers;
      const name = async () => /run_id:(\w+)/.exec(String(await pair.a.command('INFO', 'server')))?.[1];
      await load.produce(300);
      const before = await name();
      pair.replication.set({ do: 'blackhole' });
      await load.produce(500);
      for (const { redis } of everybody(fleet)) redis.set({ do: 'refuse' });
      await pair.promote(pair.b);
      await pair.demote(pair.a);
      await pair.promote(pair.a);
      await pair.demote(pair.b);
      expect(await name()).toBe(before);
      for (const { redis } of everybody(fleet)) redis.set({ do: 'pass' });
      await load.produce(300);
      await fleet.ready();
    },
  },
);

plainFault(
  'a gateway whose doorbell stays connected to a server that is no primary any more listens to the new one within seconds',
  {
    row: 15,
    control: { mutants: [listensWhereNobodyRings], fails: /the doorbell at the new primary/ },
    run: ({ mutants, note }) =>
      withFleet({ gateways: 1, bridges: 1, redis: { shape: 'pair' }, mutants }, async (fleet) => {
        const { pair } = fleet.servers;
        const [gateway] = fleet.gateways;
        if (gateway === undefined) throw new Error('There is a gateway.');
        const client = subscribe(gateway.lifeline.wsUrl, await tokenFor('m'), 'm');
        try {
          await produceFor(fleet, 'm', 1);
          await client.take(1);
          const listened = async (server: TestRedis) =>
            ((await server.command('PUBSUB', 'CHANNELS', '*:bell:*')) as string[]).length > 0; // its answer is a list of names
          expect(await listened(pair.a)).toBe(true);

          // As after a planned failover behind a name: what is connected stays, commands are refused and go to where the name leads now.
          for (const { redis } of everybody(fleet)) redis.retarget(pair.b.port, 'keep');
          await pair.promote(pair.b);
          await pair.demote(pair.a);
          const began = Date.now();
          // And then nothing is rung there any more.
          pair.replication.set({ do: 'blackhole' });
          await produceFor(fleet, 'm', 1);
          await eventually(() => listened(pair.b), { what: 'the doorbell at the new primary', withinMs: 15_000 });
          const seconds = (Date.now() - began) / 1_000;
          note(`listens there after ${seconds.toFixed(1)} s`);
          await produceFor(fleet, 'm', 1);
          await client.take(3);
          return { events: 3, copies: client.events.length, worstGap: seconds };
        } finally {
          client.stop();
        }
      }),
  },
);

plainFault('an acknowledgement lost in a failover: the event comes again, flagged, and is acknowledged for good', {
  row: 34,
  control: { mutants: [looksBackAtNothing], fails: /the copy that comes again/ },
  run: ({ mutants, note }) =>
    withFleet({ gateways: 1, bridges: 1, redis: { shape: 'pair' }, mutants }, async (fleet) => {
      const { pair } = fleet.servers;
      const [gateway] = fleet.gateways;
      if (gateway === undefined) throw new Error('There is a gateway.');
      const { url, wsUrl } = gateway.lifeline;
      const token = await tokenFor('m');
      const answers = () => request<Acknowledged>(url, token, acknowledge, { ids });
      const left = async () => (await request<Pending>(url, token, pending)).data?.pendingDeliveries.nodes.length;
      const client = subscribe(wsUrl, token, 'm');
      const ids = await produceFor(fleet, 'm', 1);
      try {
        await client.take(1);
        await pair.copied();
        pair.replication.set({ do: 'blackhole' });
        expect((await answers()).data?.acknowledgeDeliveries.acknowledged).toEqual(ids);
        expect(await left()).toBe(0);

        const began = Date.now();
        await pair.a.kill();
        await pair.promote(pair.b);
        lead(everybody(fleet), pair.b);
        const again = await eventually(() => client.events[1], { what: 'the copy that comes again' });
        note(`again after ${Date.now() - began} ms`);
        expect(again.delivery).toMatchObject({ id: ids[0], sequence: 1 });
        expect(again.delivery.replayed || again.delivery.attempt > 1).toBe(true);
        expect(await left()).toBe(1);
        expect((await answers()).data?.acknowledgeDeliveries.acknowledged).toEqual(ids);
        expect((await answers()).data?.acknowledgeDeliveries.alreadyAcknowledged).toEqual(ids);
        expect(await left()).toBe(0);
        return { events: 1, copies: client.events.length };
      } finally {
        client.stop();
      }
    }),
});

interface Acknowledged {
  readonly acknowledgeDeliveries: { readonly acknowledged: string[]; readonly alreadyAcknowledged: string[] };
}
interface Pending {
  readonly pendingDeliveries: { readonly nodes: readonly object[] };
}
