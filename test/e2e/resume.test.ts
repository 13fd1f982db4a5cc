import { afterAll, beforeAll, expect, test } from 'vitest';

import { eventually } from '../support/eventually.ts';
import { acknowledge, type EventNode, pending, request, subscribe } from '../support/graphql.ts';
import type { Lifeline } from '../support/lifeline.ts';
import { tokenFor } from '../support/lifeline.ts';
import { exampleEvent } from '../support/events.ts';
import { numbered, produceContinuously, type Stack, startStack } from './stack.ts';

let stack: Stack;
let lifeline: Lifeline;

beforeAll(async () => {
  stack = await startStack();
  lifeline = await stack.start('all');
});
afterAll(() => stack?.stop());

const workflows = (events: readonly EventNode[]) => events.map((event) => String(event['workflowId']));
const sequences = (events: readonly EventNode[]) => events.map(({ delivery }) => delivery.sequence);
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index);

/** What the client of a careful app sees: the first copy of each, every other copy flagged. */
function firstCopies(events: readonly EventNode[]): EventNode[] {
  const seen = new Set<string>();
  return events.filter(({ delivery }) => {
    if (!seen.has(delivery.id)) return seen.add(delivery.id);
    expect(delivery.attempt > 1 || delivery.replayed).toBe(true);
    return false;
  });
}

test.each([true, false])(
  'a client that drops and resubscribes under load misses nothing, repeats are flagged (with cursor: %s)',
  async (withCursor) => {
    const member = `m-resume-${withCursor}`;
    const token = await tokenFor(member);
    const load = produceContinuously(stack, member, 100);
    const received: EventNode[] = [];
    const newest = () => (withCursor ? (received.at(-1)?.delivery.cursor ?? null) : null);
    for (let round = 0; round < 12; round++) {
      const subscribed = subscribe(lifeline.wsUrl, token, member, { after: newest(), acknowledge: round % 3 !== 0 });
      await subscribed.take(12);
      subscribed.stop();
      received.push(...subscribed.events);
    }
    await load.stop();
    const last = subscribe(lifeline.wsUrl, token, member, { after: newest(), acknowledge: true });
    await eventually(() => new Set(workflows([...received, ...last.events])).size === load.produced.length, {
      what: 'everything produced',
    });
    last.stop();
    const first = firstCopies([...received, ...last.events]);
    expect(new Set(workflows(first))).toEqual(new Set(load.produced));
    await eventually(async () => {
      const answer = await request<{ pendingDeliveries: { nodes: EventNode[] } }>(lifeline.url, token, pending);
      return answer.data?.pendingDeliveries.nodes.length === 0 || (await ackAll(token, answer.data?.pendingDeliveries.nodes ?? []));
    });
  },
);

const ackAll = async (token: string, nodes: readonly EventNode[]) => {
  await request(lifeline.url, token, acknowledge, { ids: nodes.map(({ delivery }) => delivery.id) });
  return false;
};

test('2 000 events to one member in bursts arrive in a dense order, each once', async () => {
  const member = 'm-bursts';
  const token = await tokenFor(member);
  const subscribed = subscribe(lifeline.wsUrl, token, member, { acknowledge: true });
  for (let burst = 0; burst < 4; burst++) await stack.produce(numbered(member, burst * 500 + 1, (burst + 1) * 500));
  const events = await subscribed.take(2_000, 60_000);
  expect(sequences(events)).toEqual(range(1, 2_000));
  expect(workflows(events)).toEqual(range(1, 2_000).map((n) => `n-${n}`));
  expect(subscribed.events).toHaveLength(2_000);
  subscribed.stop();
});

test('the same record three times is one delivery', async () => {
  const member = 'm-thrice';
  const token = await tokenFor(member);
  const subscribed = subscribe(lifeline.wsUrl, token, member);
  const event = exampleEvent('rte.completed', { member });
  await stack.produce([event]);
  await stack.produce([event, event]);
  await stack.produce([exampleEvent('rte.failed', { member, channelId: 'behind' })]);
  const events = await subscribed.take(2);
  expect(events.map(({ type }) => type)).toEqual(['rte.completed', 'rte.failed']);
  expect(sequences(events)).toEqual([1, 2]);
  subscribed.stop();
});

test('polling alone sees every event once, in order, and pages continue exactly where they ended', async () => {
  const member = 'm-poll';
  const token = await tokenFor(member);
  const query = `query ($after: String) { coverageUpdates(accountId: "A123", after: $after, first: 7) { nodes { workflowId delivery { sequence } } pageInfo { endCursor hasNextPage } pollAfterMs } }`;
  await stack.produce(numbered(member, 1, 40));
  const seen: string[] = [];
  let after: string | null = null;
  await eventually(async () => {
    type Page = { coverageUpdates: { nodes: { workflowId: string }[]; pageInfo: { endCursor: string } } };
    const answer: Awaited<ReturnType<typeof request<Page>>> = await request<Page>(lifeline.url, token, query, { after });
    seen.push(...(answer.data?.coverageUpdates.nodes ?? []).map(({ workflowId }) => workflowId));
    after = answer.data?.coverageUpdates.pageInfo.endCursor ?? null;
    return seen.length >= 40;
  });
  expect(seen).toEqual(range(1, 40).map((n) => `n-${n}`));
});
