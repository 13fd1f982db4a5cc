import { setTimeout as sleep } from 'node:timers/promises';

import { decodeJwt } from 'jose';
import { expect } from 'vitest';

import { eventually } from '../support/eventually.ts';
import { acknowledge, pending, request } from '../support/graphql.ts';
import { tokenFor } from '../support/lifeline.ts';
import { type Acknowledged, openApp } from './harness/app.ts';
import { fault, plainFault, withFleet } from './harness/fault.ts';
import type { Fleet } from './harness/fleet.ts';
import type { Load, LoadOptions } from './harness/load.ts';
import {
  acknowledgesForEveryAccount,
  deafToAcknowledgements,
  hasNoWindow,
  pushesOnAfterExpiry,
  repeatsWithoutLooking,
  resumesWithoutReplay,
  takesSentForAcknowledged,
} from './harness/mutants.ts';
import { produceFor } from './harness/produce.ts';

/** One device a member, so that no other one makes up for it. */
const dyingApps = (when: NonNullable<LoadOptions['deaths']>['when']) => ({
  load: { devicesPerMember: 1, eventsPerSecond: 100, deaths: { share: 0.05, when } },
  fleet: { gateways: 2, bridges: 1 },
  control: { mutants: [takesSentForAcknowledged], finds: ['lost'] as const },
  async run({ load }: { load: Load }) {
    await load.produce(500);
  },
  also({ load, note }: { load: Load; note: (text: string) => void }) {
    const distinct = new Set(load.deliveries.map(({ device, id }) => `${device} ${id}`));
    note(`${load.deaths} apps killed, ${load.deliveries.length - distinct.size} repeats known by their id`);
  },
});

fault('an app killed with an event in its hands finds it in the next query and the next subscription', {
  row: 7,
  quick: true,
  ...dyingApps('before handling'),
});
fault('an app killed between handling an event and acknowledging it gets it again, under the id that it knows', {
  row: 8,
  ...dyingApps('after handling'),
});

const twoGateways = { gateways: 2, bridges: 1 };

function gatewayOf({ gateways }: Fleet, index: number) {
  const found = gateways[index];
  if (found === undefined) throw new Error(`There is no gateway ${index}.`);
  return found.lifeline;
}

/** What the member's queries say is un-acknowledged. */
async function pendingOf(fleet: Fleet, member: string): Promise<string[]> {
  const answer = await request<{ pendingDeliveries: { nodes: { delivery: { id: string } }[] } }>(
    gatewayOf(fleet, 1).url,
    await tokenFor(member),
    pending,
    { first: 1_000 },
  );
  return answer.data?.pendingDeliveries.nodes.map(({ delivery }) => delivery.id) ?? [];
}

/** Copies that come after the answer to their acknowledgement on the other node: for how long, ms. */
async function stopsAfter(fleet: Fleet, member: string): Promise<number> {
  const app = openApp(gatewayOf(fleet, 0).wsUrl, member);
  const other = openApp(gatewayOf(fleet, 1).wsUrl, member);
  const stream = app.subscribe(member);
  await other.run('{ session { memberId } }');
  const ids = await produceFor(fleet, member, 30);
  await stream.have(ids.length);
  const allSentAt = Date.now();
  await eventually(() => stream.copies.length > ids.length + 4, { what: 'the first repeats' });
  await other.acknowledge(ids);
  const answeredAt = Date.now();
  // By then every one of them would have come again: 5 s and a fifth.
  await eventually(() => Date.now() > allSentAt + 7_000);
  const last = Math.max(...stream.copies.map(({ at }) => at));
  app.close();
  other.close();
  return Math.max(0, last - answeredAt);
}

plainFault('what nobody acknowledges comes again after about 5, 10 and 20 s, and no more once it is acknowledged on another node', {
  row: 31,
  control: { mutants: [deafToAcknowledgements, repeatsWithoutLooking], fails: /after its acknowledgement/ },
  run: ({ mutants, note }) =>
    withFleet({ ...twoGateways, mutants }, async (fleet) => {
      const app = openApp(gatewayOf(fleet, 0).wsUrl, 'patient');
      const stream = app.subscribe('patient');
      const ids = await produceFor(fleet, 'patient', 1);
      await stream.have(1);
      expect(await pendingOf(fleet, 'patient')).toEqual(ids);

      // The best of three, because a machine that is busy with something else says nothing about the product.
      let best = Number.POSITIVE_INFINITY;
      for (let round = 0; round < 3 && best > 100; round++) best = Math.min(best, await stopsAfter(fleet, `stopped-${round}`));
      expect(best, 'ms that an event was still sent after its acknowledgement').toBeLessThanOrEqual(100);

      await eventually(() => stream.copies.length === 4, { withinMs: 60_000, what: 'three repeats' });
      const { copies } = stream;
      expect(new Set(copies.map(({ delivery }) => delivery.id))).toEqual(new Set(ids));
      expect(copies.map(({ delivery }) => delivery.attempt)).toEqual([1, 2, 3, 4]);
      expect(copies.slice(1).every(({ delivery }) => delivery.replayed)).toBe(true);
      const waits = copies.slice(1).map(({ at }, index) => (at - (copies[index]?.at ?? 0)) / 1_000);
      for (const [index, planned] of [5, 10, 20].entries()) {
        expect(waits[index]).toBeGreaterThan(planned * 0.8 - 0.1);
        expect(waits[index]).toBeLessThan(planned * 1.2 + 2);
      }
      expect(await pendingOf(fleet, 'patient')).toEqual(ids);
      note(`again after ${waits.map((wait) => wait.toFixed(1)).join(', ')} s; last copy ${best} ms after the acknowledgement`);
      app.close();
    }),
});

plainFault('an acknowledgement closes what its token may see and nothing else, however often and however large it comes', {
  row: 32,
  quick: true,
  control: { mutants: [acknowledgesForEveryAccount], fails: /of another account/ },
  run: ({ mutants, note }) =>
    withFleet({ ...twoGateways, mutants }, async (fleet) => {
      const own = await produceFor(fleet, 'alice', 3);
      const [narrow = ''] = await produceFor(fleet, 'alice', 1, { data: { accountId: 'B9' } });
      await eventually(async () => (await pendingOf(fleet, 'alice')).length === 4, { what: 'all four to be pending' });
      const token = await tokenFor('alice');
      const send = (as: string, ids: readonly string[], gateway = 0) =>
        request<{ acknowledgeDeliveries: Acknowledged }>(gatewayOf(fleet, gateway).url, as, acknowledge, { ids });
      const answerTo = async (as: string, ids: readonly string[], gateway = 0) =>
        (await send(as, ids, gateway)).data?.acknowledgeDeliveries ?? { acknowledged: [], alreadyAcknowledged: [], unknown: [] };

      const all = [...own, narrow];
      expect((await answerTo(await tokenFor('mallory'), all)).unknown.toSorted()).toEqual(all.toSorted());
      const limited = await answerTo(await tokenFor('alice', { accounts: ['B9'] }), all);
      expect(limited.acknowledged, 'no event of another account').toEqual([narrow]);
      expect(limited.unknown.toSorted()).toEqual(own.toSorted());

      const invented = (count: number) => Array.from({ length: count }, (_, nth) => `none-${nth}`);
      expect((await answerTo(token, invented(50))).unknown).toHaveLength(50);
      for (const tooMany of [1_001, 10_000]) {
        const answer = await send(token, [...own, ...invented(tooMany)]);
        expect(answer.errors?.[0]?.extensions?.code).toBe('BAD_USER_INPUT');
      }
      expect((await pendingOf(fleet, 'alice')).toSorted()).toEqual(own.toSorted());

      const mixed = await answerTo(token, [...invented(900), own[0] ?? '', own[0] ?? '']);
      expect(mixed.acknowledged).toEqual(own.slice(0, 1));
      const replayed = await Promise.all(Array.from({ length: 40 }, (_, nth) => answerTo(token, own.slice(1), nth % 2)));
      expect(replayed.flatMap(({ acknowledged }) => acknowledged).toSorted()).toEqual(own.slice(1).toSorted());
      expect(replayed.flatMap(({ unknown }) => unknown)).toEqual([]);
      expect(await pendingOf(fleet, 'alice')).toEqual([]);
      note('one acknowledgement sent 40 times on two nodes closed each event once');
    }),
});

plainFault('what one device acknowledged the other gets when it is back, flagged and by its cursor, and the first never again', {
  row: 33,
  control: { mutants: [resumesWithoutReplay], fails: /40 events/ },
  run: ({ mutants }) =>
    withFleet({ ...twoGateways, mutants }, async (fleet) => {
      const phone = openApp(gatewayOf(fleet, 0).wsUrl, 'both');
      const watch = openApp(gatewayOf(fleet, 1).wsUrl, 'both');
      const onPhone = phone.subscribe('both', { acknowledges: true });
      const onWatch = watch.subscribe('both');
      await produceFor(fleet, 'both', 5);
      await Promise.all([onPhone.have(5), onWatch.have(5)]);
      watch.close();
      const missed = await produceFor(fleet, 'both', 40);
      await onPhone.have(45);
      await eventually(async () => (await pendingOf(fleet, 'both')).length === 0, { what: 'all to be acknowledged' });

      const back = openApp(gatewayOf(fleet, 0).wsUrl, 'both');
      const after = onWatch.copies.at(-1)?.delivery.cursor ?? '';
      const resumed = back.subscribe('both', { after });
      const fresh = back.subscribe('both');
      await resumed.have(40, 20_000);
      expect(resumed.copies.map(({ delivery }) => delivery.id)).toEqual(missed);
      expect(resumed.copies.every(({ delivery }) => delivery.replayed && delivery.acknowledgedAt !== null)).toBe(true);

      // Whoever would be sent something again has been by the time that this one is.
      const other = openApp(gatewayOf(fleet, 0).wsUrl, 'unhandled');
      const unhandled = other.subscribe('unhandled');
      await produceFor(fleet, 'unhandled', 1);
      await eventually(() => unhandled.copies.length > 1, { what: 'a repeat' });
      expect(onPhone.copies).toHaveLength(45);
      expect(fresh.copies, 'nothing that is acknowledged for who has no cursor').toEqual([]);
      for (const app of [phone, back, other]) app.close();
      return { events: 45, copies: onPhone.copies.length + onWatch.copies.length + resumed.copies.length };
    }),
});

plainFault('an app that never acknowledges is sent 32 events and no more, while all else on its socket works', {
  row: 39,
  control: { mutants: [hasNoWindow], fails: /un-acknowledged at once/ },
  run: ({ mutants, note }) =>
    withFleet({ ...twoGateways, mutants }, async (fleet) => {
      const gateway = gatewayOf(fleet, 0);
      const app = openApp(gateway.wsUrl, 'lazy');
      const stream = app.subscribe('lazy', { channel: '/member/lazy/rte/*' });
      const ids = await produceFor(fleet, 'lazy', 80);
      await stream.have(32);
      await eventually(() => stream.copies.filter(({ delivery }) => delivery.attempt > 1).length >= 10, { what: 'ten repeats' });
      expect(stream.ids.size, 'un-acknowledged at once').toBe(32);
      expect(await gateway.metric('lifeline_windows_full_total')).toBeGreaterThan(0);

      const answer = await app.run<{ pendingDeliveries: { nodes: unknown[] } }>(pending, { first: 1_000 });
      expect(answer.pendingDeliveries.nodes).toHaveLength(80);
      const elsewhere = app.subscribe('lazy', { channel: '/member/lazy/rte/one' });
      await produceFor(fleet, 'lazy', 1, { channelId: 'one' });
      await elsewhere.have(1);
      expect(stream.ids.size, 'un-acknowledged at once').toBe(32);

      expect((await app.acknowledge(ids.slice(0, 20))).acknowledged).toHaveLength(20);
      await stream.have(52);
      await app.acknowledge(ids.slice(20, 52));
      await stream.have(81);
      const first = stream.copies.filter(({ delivery }) => delivery.attempt === 1).map(({ delivery }) => delivery.sequence);
      expect(first).toEqual(Array.from({ length: 81 }, (_, index) => index + 1));
      expect(app.connectedAt).toHaveLength(1);
      note(`paused at 32 of ${ids.length}, went on with each acknowledgement`);
      app.close();
    }),
});

plainFault(
  'at the end of its token an app is sent nothing more; refreshed it goes on without a gap, else it is sent away 25 s later',
  {
    row: 40,
    control: { mutants: [pushesOnAfterExpiry], fails: /after the token had expired/ },
    run: ({ mutants, note }) =>
      withFleet({ ...twoGateways, mutants }, async (fleet) => {
        const short = { ttlSeconds: 4 };
        const [renewed, lapsed] = await Promise.all(
          ['renewed', 'lapsed'].map(async (member, index) => {
            const token = await tokenFor(member, short);
            const app = openApp(gatewayOf(fleet, index).wsUrl, member, { token: () => Promise.resolve(token) });
            return {
              member,
              token,
              app,
              stream: app.subscribe(member, { acknowledges: true }),
              expires: (decodeJwt(token).exp ?? 0) * 1_000,
            };
          }),
        );
        if (renewed === undefined || lapsed === undefined) throw new Error('There are two.');
        let produced = 0;
        const ofLapsed: string[] = [];
        const produceUntil = async (when: number) => {
          while (Date.now() < when) {
            const [, ids] = await Promise.all([produceFor(fleet, 'renewed', 2), produceFor(fleet, 'lapsed', 2)]);
            ofLapsed.push(...ids);
            produced += 2;
            await sleep(50); // one query has to tell of all
          }
        };
        await produceUntil(Math.max(renewed.expires, lapsed.expires) + 2_000);
        for (const { stream, expires } of [renewed, lapsed]) {
          const late = stream.copies.filter(({ delivery }) => Date.parse(delivery.sentAt) >= expires);
          expect(late, 'sent after the token had expired').toEqual([]);
          expect(stream.ids.size).toBeGreaterThan(0);
          expect(stream.ids.size).toBeLessThan(produced);
        }

        const newer = await tokenFor('renewed');
        await renewed.app.run('mutation ($token: String!) { refreshSession(token: $token) { memberId } }', { token: newer });
        await renewed.stream.have(produced);
        await produceUntil(Date.now() + 500);
        await renewed.stream.have(produced);
        const sequences = renewed.stream.copies
          .filter(({ delivery }) => delivery.attempt === 1)
          .map(({ delivery }) => delivery.sequence);
        expect(sequences).toEqual(Array.from({ length: produced }, (_, index) => index + 1));
        expect(renewed.app.connectedAt).toHaveLength(1);

        await eventually(() => lapsed.app.closeCodes.length > 0, {
          withinMs: 40_000,
          what: 'the connection without a newer token to end',
        });
        const grace = (Date.now() - lapsed.expires) / 1_000;
        expect(lapsed.app.closeCodes).toEqual([4403]);
        expect(grace).toBeGreaterThan(24);
        expect(grace).toBeLessThan(32);
        const again = openApp(gatewayOf(fleet, 0).wsUrl, 'lapsed', { token: () => Promise.resolve(lapsed.token) });
        const refused = again.subscribe('lapsed');
        await eventually(() => again.closeCodes.length > 0, { what: 'the expired token to be refused' });
        expect(again.closeCodes).toEqual([4403]);
        expect([...refused.copies, ...lapsed.stream.copies.filter(({ at }) => at > lapsed.expires + 1_000)]).toEqual([]);
        const kept = new Set([...lapsed.stream.ids, ...(await pendingOf(fleet, 'lapsed'))]);
        expect(ofLapsed.filter((id) => !kept.has(id))).toEqual([]);
        note(`sent away (4403) ${grace.toFixed(1)} s after the expiry`);
        for (const { app } of [renewed, lapsed]) app.close();
        again.close();
        return { events: 2 * produced, copies: renewed.stream.copies.length + lapsed.stream.copies.length };
      }),
  },
);
