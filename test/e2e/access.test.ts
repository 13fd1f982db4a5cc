import { SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { exampleEvent } from '../support/events.ts';
import { eventually } from '../support/eventually.ts';
import {
  acknowledge,
  coverageFields,
  type EventNode,
  everything,
  pending,
  request,
  subscribe,
  subscribeSse,
} from '../support/graphql.ts';
import { type Lifeline, testSecret, tokenFor } from '../support/lifeline.ts';
import { type Stack, startStack } from './stack.ts';

let stack: Stack;
let lifeline: Lifeline;
let own: string;
let node: EventNode;

const member = 'm-own';
const other = 'm-other';

const coverage = `query ($account: ID!, $after: String) { coverageUpdates(accountId: $account, after: $after) { nodes { ${coverageFields} } pageInfo { endCursor } } }`;
const codeOf = (answer: { errors?: readonly { extensions?: Readonly<Record<string, unknown>> }[] }) =>
  answer.errors?.[0]?.extensions?.['code'];

beforeAll(async () => {
  stack = await startStack();
  lifeline = await stack.start('all');
  own = await tokenFor(member);
  await stack.produce([
    exampleEvent('rte.completed', { member, channelId: 'wf-a', data: { accountId: 'A1' } }),
    exampleEvent('rte.failed', { member, channelId: 'wf-b', data: { accountId: 'A2' } }),
    exampleEvent('rte.completed', { member: other, channelId: 'wf-c' }),
  ]);
  const nodes = await eventually(async () => {
    const answer = await request<{ pendingDeliveries: { nodes: EventNode[] } }>(lifeline.url, own, pending);
    return answer.data?.pendingDeliveries.nodes.length === 2 && answer.data.pendingDeliveries.nodes;
  });
  if (nodes[0] === undefined) throw new Error('no event');
  node = nodes[0];
});
afterAll(() => stack?.stop());

const sign = (claims: Record<string, unknown>, { secret = testSecret, alg = 'HS256' } = {}) =>
  new SignJWT(claims).setProtectedHeader({ alg }).sign(new TextEncoder().encode(secret));
const inAnHour = () => Math.floor(Date.now() / 1_000) + 3_600;

describe('a bad token gets nothing: HTTP 401, WebSocket 4403', () => {
  test.each<[string, () => Promise<string | null>]>([
    ['none', async () => null],
    ['garbage', async () => 'garbage'],
    ['another key', () => sign({ sub: member, exp: inAnHour() }, { secret: 'another-secret-of-more-than-32-characters' })],
    ['expired', () => sign({ sub: member, exp: inAnHour() - 7_200 })],
    ['without exp', () => sign({ sub: member })],
    ['without sub', () => sign({ exp: inAnHour() })],
    ['a sub that is a wildcard', () => sign({ sub: '**', exp: inAnHour() })],
    [
      'unsigned',
      async () =>
        `${Buffer.from('{"alg":"none"}').toString('base64url')}.${Buffer.from(JSON.stringify({ sub: member, exp: inAnHour() })).toString('base64url')}.`,
    ],
  ])('%s', async (_, make) => {
    const token = await make();
    const answer = await request(lifeline.url, token, pending);
    expect(answer.status).toBe(401);
    expect(answer.data ?? null).toBeNull();
    expect(answer.errors?.[0]?.extensions).toMatchObject({ code: 'UNAUTHENTICATED', retry: 'after-refresh' });
    const socket = subscribe(lifeline.wsUrl, token ?? '', member);
    await eventually(() => socket.closeCode !== undefined);
    expect(socket.closeCode).toBe(4403);
    expect(socket.events).toEqual([]);
  });
});

describe('another member', () => {
  test('cannot be asked for, by subscription or by query, and sees nothing by a wildcard', async () => {
    for (const channel of [`/member/${other}/**`, '/member/*/**', '/**', '/member/**']) {
      const query = `query ($channel: String!) { memberEvents(channel: $channel) { nodes { type } } }`;
      expect(codeOf(await request(lifeline.url, own, query, { channel }))).toBe('FORBIDDEN');
      for (const subscribed of [
        subscribe(lifeline.wsUrl, own, member, { channel }),
        subscribeSse(lifeline.url, own, member, { channel }),
      ]) {
        await eventually(() => subscribed.errors.length > 0);
        expect(subscribed.errors[0]?.extensions).toMatchObject({ code: 'FORBIDDEN', retry: 'never' });
        expect(subscribed.events).toEqual([]);
        subscribed.stop();
      }
    }
  });

  test('cannot acknowledge: the id is unknown, and stays pending', async () => {
    const token = await tokenFor(other);
    const answer = await request<{ acknowledgeDeliveries: object }>(lifeline.url, token, acknowledge, { ids: [node.delivery.id] });
    expect(answer.data?.acknowledgeDeliveries).toEqual({ acknowledged: [], alreadyAcknowledged: [], unknown: [node.delivery.id] });
    const still = await request<{ pendingDeliveries: { nodes: EventNode[] } }>(lifeline.url, own, pending);
    expect(still.data?.pendingDeliveries.nodes.map(({ delivery }) => delivery.id)).toContain(node.delivery.id);
  });

  test("cannot use a member's cursor", async () => {
    const token = await tokenFor(other);
    expect(codeOf(await request(lifeline.url, token, coverage, { account: 'A1', after: node.delivery.cursor }))).toBe(
      'BAD_USER_INPUT',
    );
  });
});

describe('a token for one account', () => {
  test('is refused the other by name, and is never shown it elsewhere', async () => {
    const token = await tokenFor(member, { accounts: ['A1'] });
    expect(codeOf(await request(lifeline.url, token, coverage, { account: 'A2' }))).toBe('FORBIDDEN');
    const seen = await request<{ pendingDeliveries: { nodes: EventNode[] } }>(lifeline.url, token, pending);
    expect(seen.data?.pendingDeliveries.nodes.map((event) => event['accountId'])).toEqual(['A1']);
    const state = await request<{ coverageUpdate: object | null }>(
      lifeline.url,
      token,
      '{ coverageUpdate(workflowId: "wf-b") { status } }',
    );
    expect(state.data).toEqual({ coverageUpdate: null });

    const subscribed = subscribe(lifeline.wsUrl, token, member);
    await subscribed.take(1);
    await stack.produce([
      exampleEvent('rte.failed', { member, channelId: 'wf-d', data: { accountId: 'A2' } }),
      exampleEvent('rte.failed', { member, channelId: 'wf-e', data: { accountId: 'A1' } }),
    ]);
    const events = await subscribed.take(2);
    expect(events.map((event) => event['workflowId'])).toEqual(['wf-a', 'wf-e']);
    subscribed.stop();

    const all = await request<{ pendingDeliveries: { nodes: EventNode[] } }>(lifeline.url, own, pending);
    const foreign = all.data?.pendingDeliveries.nodes.find((event) => event['accountId'] === 'A2');
    const answer = await request<{ acknowledgeDeliveries: object }>(lifeline.url, token, acknowledge, {
      ids: [foreign?.delivery.id],
    });
    expect(answer.data?.acknowledgeDeliveries).toMatchObject({ acknowledged: [], unknown: [foreign?.delivery.id] });
  });
});

describe('a cursor', () => {
  test.each<[string, (cursor: string) => string]>([
    ['empty', () => ''],
    ['truncated', (cursor) => cursor.slice(0, -4)],
    ['with one bit changed', (cursor) => `${cursor.slice(0, 12)}${cursor[12] === 'A' ? 'B' : 'A'}${cursor.slice(13)}`],
    ['invented', () => Buffer.from('["x",1,1,"00000000"]').toString('base64url')],
  ])('that is %s is BAD_USER_INPUT, by query and by subscription', async (_, change) => {
    const after = change(node.delivery.cursor);
    expect(codeOf(await request(lifeline.url, own, coverage, { account: 'A1', after }))).toBe('BAD_USER_INPUT');
    const subscribed = subscribe(lifeline.wsUrl, own, member, { query: everything, after });
    await eventually(() => subscribed.errors.length > 0);
    expect(subscribed.errors[0]?.extensions).toMatchObject({ code: 'BAD_USER_INPUT', retry: 'never' });
    expect(subscribed.events).toEqual([]);
    subscribed.stop();
  });
});

test('nothing of a member, a token or a payload stands in the log or in a metric', async () => {
  const metrics = await (await fetch(new URL('/metrics', lifeline.url))).text();
  const text = `${metrics}\n${JSON.stringify(lifeline.log)}\n${lifeline.stderr()}`;
  for (const secret of [member, other, own, 'wf-a', node.delivery.id, node.delivery.cursor, testSecret])
    expect(text).not.toContain(secret);
});
