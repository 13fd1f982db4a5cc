import { setTimeout as sleep } from 'node:timers/promises';

import { expect } from 'vitest';

import { deliveryId } from '../../src/event/event.ts';
import { exampleEvent } from '../support/events.ts';
import { eventually } from '../support/eventually.ts';
import { pending, request } from '../support/graphql.ts';
import { tokenFor } from '../support/lifeline.ts';
import { openApp } from './harness/app.ts';
import { fault, plainFault, withFleet } from './harness/fault.ts';
import type { Fleet } from './harness/fleet.ts';
import { buriesInSilence, distrustsTheFuture, redisByTheKey, sleepsUntilTheEndOfAToken } from './harness/mutants.ts';
import { produce, produceFor } from './harness/produce.ts';

const minute = 60_000;

fault('clocks that are minutes apart, and step while events flow, Redis by an hour, change nothing', {
  row: 35,
  fleet: {
    clocks: { gateways: [10 * minute, -10 * minute, 0], bridges: [-10 * minute, 10 * minute] },
    mutants: [redisByTheKey],
  },
  load: { eventsPerSecond: 100, devicesPerMember: 1, overlooks: 0.02 },
  control: { mutants: [distrustsTheFuture], finds: ['false-recovered'] },
  async run({ fleet, load }) {
    await load.produce(400);
    await fleet.redis.command('SET', 'clock', -60 * minute);
    await load.produce(300);
    const [early, late, right] = fleet.gateways;
    await Promise.all([early?.setClock(-10 * minute), late?.setClock(10 * minute), right?.setClock(30 * minute)]);
    for (const bridge of fleet.bridges) await bridge.setClock(0);
    await load.produce(300);
    await fleet.redis.command('SET', 'clock', 60 * minute);
    await load.produce(300);
  },
  also({ history, load, note }) {
    expect(load.resyncs).toBe(0);
    expect(load.closeCodes, 'connections that were ended').toEqual([]);
    // Repeats go by how long ago a copy was sent, not by what a clock says.
    const sent = new Map<string, number>();
    const waits = history.deliveries.flatMap(({ device, id, attempt, at }) => {
      const key = `${device} ${id}`;
      const before = sent.get(key);
      sent.set(key, at);
      return attempt === 2 && before !== undefined ? [(at - before) / 1_000] : [];
    });
    expect(waits.length).toBeGreaterThan(0);
    expect(Math.min(...waits)).toBeGreaterThan(3.5);
    expect(Math.max(...waits)).toBeLessThan(15);
    note(`${waits.length} repeats after ${Math.min(...waits).toFixed(1)} to ${Math.max(...waits).toFixed(1)} s`);
  },
});

plainFault('a clock that steps past the end of a token ends its connection within half a minute, and leaves none open in silence', {
  row: 35,
  control: { mutants: [sleepsUntilTheEndOfAToken], fails: /to be sent away/ },
  run: ({ mutants, note }) =>
    withFleet({ gateways: 1, bridges: 1, clocks: {}, mutants }, async (fleet) => {
      const [gateway] = fleet.gateways;
      if (gateway === undefined) throw new Error('There is no gateway.');
      const ttlSeconds = 20 * 60;
      const app = openApp(gateway.lifeline.wsUrl, 'early', { token: () => tokenFor('early', { ttlSeconds }) });
      const stream = app.subscribe('early', { acknowledges: true });
      await produceFor(fleet, 'early', 1);
      await stream.have(1);
      await gateway.setClock(30 * minute);
      const stepped = Date.now();
      await eventually(() => app.closeCodes.length > 0, { withinMs: 45_000, what: 'the app to be sent away' });
      expect(app.closeCodes).toEqual([4403]);
      note(`sent away (4403) ${((Date.now() - stepped) / 1_000).toFixed(1)} s after the step`);

      const ids = await produceFor(fleet, 'early', 3);
      await gateway.setClock(0);
      const again = openApp(gateway.lifeline.wsUrl, 'early', { token: () => tokenFor('early', { ttlSeconds }) });
      const resumed = again.subscribe('early', { after: stream.copies.at(-1)?.delivery.cursor ?? null });
      await resumed.have(ids.length);
      expect([...resumed.ids]).toEqual(ids);
      for (const each of [app, again]) each.close();
    }),
});

const keptFor = 7 * 24 * 60 * minute;

interface Wake {
  readonly id: string;
  /** ms since the epoch */
  readonly due: number;
}

async function deadLetters({ kafka, topics }: Fleet): Promise<Map<string, string | undefined>> {
  const letters = await kafka.readAll(topics.deadLetters);
  return new Map(
    letters.map(({ value, headers }) => {
      const { source = '', id = '' } = JSON.parse(value?.toString() ?? '{}') as { source?: string; id?: string };
      return [deliveryId(source, id), headers['lifeline-reason']];
    }),
  );
}

plainFault('what expires un-acknowledged is a dead letter within a minute, also when the bridge that buries is killed', {
  row: 46,
  control: { mutants: [buriesInSilence], fails: /gone in silence/ },
  run: ({ mutants, random, note }) =>
    withFleet({ gateways: 1, bridges: 2, mutants }, async (fleet) => {
      const members = Array.from({ length: 8 }, (_, nth) => `gone-${nth}`);
      const app = openApp(fleet.gateways[0]?.lifeline.wsUrl ?? '', 'gone-0');
      const stream = app.subscribe('gone-0');
      const began = Date.now();
      const events = Array.from({ length: 120 }, (_, nth) => {
        // Due one after the other, 6 to 18 s from now.
        const due = began + 6_000 + Math.floor(random() * 12_000);
        const member = members[nth % members.length] ?? '';
        return { due, event: exampleEvent('rte.failed', { member, channelId: `w-${nth}`, time: due - keptFor }) };
      });
      const ids = await produce(
        fleet,
        events.map(({ event }) => event),
      );
      const waiting = new Map<string, Wake>(ids.map((id, nth) => [id, { id, due: events[nth]?.due ?? 0 }]));
      await stream.have(ids.length / members.length);

      const pendingIds = async () => {
        const answers = await Promise.all(
          members.map(async (member) =>
            request<{ pendingDeliveries: { nodes: { delivery: { id: string } }[] } }>(
              fleet.gateways[0]?.lifeline.url ?? '',
              await tokenFor(member),
              pending,
              { first: 1_000 },
            ),
          ),
        );
        return new Set(answers.flatMap(({ data }) => data?.pendingDeliveries.nodes.map(({ delivery }) => delivery.id) ?? []));
      };
      let killed = false;
      let worst = 0;
      let silent = 0;
      await eventually(
        async () => {
          // Said by the bridges, killed ones too, before the topic is read: what they took out of the log must be there.
          const buried = fleet.bridges
            .flatMap(({ lifeline }) => lifeline.log)
            .reduce((sum, { buried: some }) => sum + Number(some ?? 0), 0);
          const letters = await deadLetters(fleet);
          const asked = Date.now();
          silent = Math.max(0, buried - letters.size);
          if (silent > 0) return true;
          for (const [id, { due }] of waiting) {
            if (!letters.has(id)) continue;
            expect(letters.get(id)).toBe('expired');
            worst = Math.max(worst, asked - due);
            waiting.delete(id);
          }
          if (!killed && waiting.size < ids.length / 2) {
            killed = true;
            await fleet.bridges[0]?.kill();
          }
          await sleep(300); // reading a topic whole is work
          return waiting.size === 0;
        },
        { withinMs: 18_000 + 60_000, what: 'all of them to be dead letters' },
      );
      expect(silent, 'gone in silence').toBe(0);
      expect(await pendingIds()).toEqual(new Set());
      expect(killed).toBe(true);
      expect(worst).toBeLessThan(60_000);
      expect(stream.copies.filter(({ at, delivery }) => at > (events[ids.indexOf(delivery.id)]?.due ?? 0) + 1_000)).toEqual([]);
      note(`worst ${(worst / 1_000).toFixed(1)} s after it was due`);
      app.close();
      return { events: ids.length, copies: stream.copies.length };
    }),
});
