import { afterAll, beforeAll, expect, test } from 'vitest';

import { eventually } from '../support/eventually.ts';
import { acknowledge, type EventNode, request, subscribe } from '../support/graphql.ts';
import { type Lifeline, tokenFor } from '../support/lifeline.ts';
import { numbered, produceContinuously, type Stack, startStack } from './stack.ts';

let stack: Stack;
let gateways: readonly [Lifeline, Lifeline];

beforeAll(async () => {
  stack = await startStack({ partitions: 4 });
  gateways = await Promise.all([stack.start('serve'), stack.start('serve')]);
});
afterAll(() => stack?.stop());

test('readiness of a bridge tells how far behind it is', async () => {
  const bridge = await stack.start('bridge');
  await stack.produce(numbered('m-lag', 1, 3));
  await eventually(async () => (await bridge.metric('lifeline_appends_total', { result: 'ok' })) > 0);
  await eventually(async () => {
    const { status, checks } = await bridge.readyz();
    return status === 200 && checks['lag']?.ok === true && 'messages' in checks['lag'] && checks['lag'].messages === 0;
  });
  await bridge.stop();
});

const workflows = (events: readonly EventNode[]) => events.map((event) => String(event['workflowId']));

test('acknowledged on one process, an event is silent on the other', async () => {
  const bridge = await stack.start('bridge');
  const member = 'm-two-nodes';
  const token = await tokenFor(member);
  const [here, there] = [subscribe(gateways[0].wsUrl, token, member), subscribe(gateways[1].wsUrl, token, member)];
  await stack.produce(numbered(member, 1, 2));
  const [silent, control] = await here.take(2);
  await there.take(2);
  const answer = await request<{ acknowledgeDeliveries: { acknowledged: string[] } }>(gateways[0].url, token, acknowledge, {
    ids: [silent?.delivery.id],
  });
  expect(answer.data?.acknowledgeDeliveries.acknowledged).toEqual([silent?.delivery.id]);
  // The other event is sent again on both: by then the first would have been as well.
  for (const { events } of [here, there]) {
    await eventually(() => events.some(({ delivery }) => delivery.attempt === 3), { withinMs: 30_000, what: 'the third copy' });
    const copies = [...events];
    expect(copies.filter(({ delivery }) => delivery.id === silent?.delivery.id)).toHaveLength(1);
    expect(copies.filter(({ delivery }) => delivery.id === control?.delivery.id).map(({ delivery }) => delivery.attempt)).toEqual([
      1, 2, 3,
    ]);
  }
  here.stop();
  there.stop();
  await bridge.stop();
});

test('a bridge killed under load is taken over: nothing lost, nothing out of order, nothing twice', async () => {
  const bridges = await Promise.all([stack.start('bridge'), stack.start('bridge')]);
  const members = Array.from({ length: 8 }, (_, index) => `m-takeover-${index}`);
  const subscriptions = await Promise.all(
    members.map(async (member) => subscribe(gateways[0].wsUrl, await tokenFor(member), member, { acknowledge: true })),
  );
  const loads = members.map((member) => produceContinuously(stack, member, 40));
  await Promise.all(subscriptions.map((subscribed) => subscribed.take(20)));
  // Whichever of the two: kill the one that has something to do.
  const applied = await Promise.all(bridges.map((bridge) => bridge.metric('lifeline_appends_total', { result: 'ok' })));
  expect(Math.max(...applied)).toBeGreaterThan(0);
  const victim = (applied[0] ?? 0) >= (applied[1] ?? 0) ? bridges[0] : bridges[1];
  await victim.kill('SIGKILL');
  const counts = subscriptions.map(({ events }) => events.length);
  await Promise.all(subscriptions.map((subscribed, index) => subscribed.take((counts[index] ?? 0) + 40, 60_000)));
  await Promise.all(loads.map((load) => load.stop()));
  for (const [index, subscribed] of subscriptions.entries()) {
    const produced = loads[index]?.produced ?? [];
    await eventually(() => subscribed.events.length >= produced.length, {
      what: `all ${produced.length} of a member`,
      withinMs: 30_000,
    });
    expect(workflows(subscribed.events)).toEqual(produced);
    expect(subscribed.events.map(({ delivery }) => delivery.sequence)).toEqual(produced.map((_, at) => at + 1));
    subscribed.stop();
  }
}, 180_000);
