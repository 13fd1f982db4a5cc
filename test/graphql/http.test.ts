import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';

import { afterEach, describe, expect, test } from 'vitest';

import { LifelineError } from '../../src/errors.ts';
import type { EventType } from '../../src/event/catalogue.ts';
import { createCursors } from '../../src/graphql/cursor.ts';
import { cursorSecret, eventOf, startEdge, tokenFor, type Answer, type Edge, type EdgeOptions } from './support.ts';

let edge: Edge;
const start = async (options?: EdgeOptions) => {
  edge = await startEdge(options);
  return edge;
};
afterEach(() => edge.stop());

const refusal = (code: string, retry: string) => [{ message: expect.any(String), extensions: { code, retry } }];
const never = (code: string) => refusal(code, 'never');

describe('the shape of events', () => {
  test('the whole coverage of a result is answered, with the page it is on', async () => {
    await start();
    await edge.append(eventOf('rte.completed'));
    const { data, errors, status } = await edge.post(
      `{ coverageUpdates(accountId: "A123") {
          nodes {
            type channel occurredAt workflowId accountId status percent
            coverage {
              id active payer plan effectiveFrom effectiveTo copay { amount currency }
              deductible { total { amount currency } remaining { amount currency } }
              outOfPocketMaximum { total { amount } remaining { amount } }
            }
            failure { code }
            delivery { id cursor sequence attempt replayed ackRequired acknowledgedAt sentAt }
          }
          pageInfo { endCursor hasNextPage } pollAfterMs } }`,
      { token: await tokenFor('m-1') },
    );
    expect(errors).toBeUndefined();
    expect(status).toBe(200);
    expect(data.coverageUpdates).toMatchObject({
      pollAfterMs: 2000,
      pageInfo: { hasNextPage: false, endCursor: expect.any(String) },
    });
    expect(data.coverageUpdates.nodes).toMatchObject([
      {
        type: 'rte.completed',
        channel: '/member/m-1/rte/wf-456',
        occurredAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
        workflowId: 'wf-456',
        accountId: 'A123',
        status: 'COMPLETED',
        percent: null,
        coverage: {
          id: 'cov-77',
          active: true,
          plan: 'PPO Gold 1500',
          effectiveTo: null,
          copay: { amount: '25.00', currency: 'USD' },
          deductible: { total: { amount: '1500.00' }, remaining: { amount: '312.50' } },
        },
        failure: null,
        delivery: { sequence: 1, attempt: 1, replayed: true, ackRequired: true, acknowledgedAt: null },
      },
    ]);
  });

  test('each way a check can end has its status and its failure', async () => {
    await start();
    await edge.append(eventOf('rte.completed'), eventOf('rte.failed'), eventOf('rte.timeout'));
    const { data } = await edge.post(
      '{ coverageUpdates(accountId: "A123") { nodes { status coverage { id } failure { code message retryable } } } }',
      {
        token: await tokenFor('m-1'),
      },
    );
    expect(data.coverageUpdates.nodes).toEqual([
      { status: 'COMPLETED', coverage: { id: 'cov-77' }, failure: null },
      {
        status: 'FAILED',
        coverage: null,
        failure: { code: 'PAYER_UNAVAILABLE', message: 'The payer did not answer.', retryable: true },
      },
      { status: 'TIMED_OUT', coverage: null, failure: { code: 'TIMEOUT', message: expect.any(String), retryable: true } },
    ]);
  });

  test('a check that is still going on tells how far it is, without a sequence and with nothing to acknowledge', async () => {
    await start();
    await edge.append(eventOf('rte.progress', { percent: 40 }));
    const { data } = await edge.post(
      '{ coverageUpdate(workflowId: "wf-456") { status percent delivery { sequence ackRequired } } }',
      {
        token: await tokenFor('m-1'),
      },
    );
    expect(data.coverageUpdate).toEqual({ status: 'PROCESSING', percent: 40, delivery: { sequence: null, ackRequired: false } });
  });

  test('each step of a call has its kind, its old name and what belongs to it', async () => {
    await start();
    const steps: EventType[] = ['call.accepted', 'call.ready', 'call.join', 'call.extend', 'call.ended'];
    await edge.append(...steps.map((type) => eventOf(type)));
    const { data } = await edge.post(
      `{ videoVisitEvents { nodes { kind legacyName callId providerName joinUrl extension { minutes price { amount currency } offerExpiresAt } endReason }
           pollAfterMs }
         videoVisit(callId: "call-9") { callId status endReason endedAt } none: videoVisit(callId: "other") { callId } }`,
      { token: await tokenFor('m-1') },
    );
    const none = { joinUrl: null, extension: null, endReason: null };
    expect(data.videoVisitEvents).toEqual({
      pollAfterMs: 5000,
      nodes: [
        { kind: 'ACCEPTED', legacyName: 'call_accepted', callId: 'call-9', providerName: 'Dr. Rivera', ...none },
        { kind: 'READY', legacyName: 'appointment_ready', callId: 'call-9', providerName: 'Dr. Rivera', ...none },
        {
          kind: 'JOIN',
          legacyName: 'join_call',
          callId: 'call-9',
          providerName: 'Dr. Rivera',
          ...none,
          joinUrl: 'https://video.example/call-9',
        },
        {
          kind: 'EXTEND',
          legacyName: 'paid_extend_call_request',
          callId: 'call-9',
          providerName: null,
          ...none,
          extension: { minutes: 15, price: { amount: '40.00', currency: 'USD' }, offerExpiresAt: '2026-11-20T18:15:00.000Z' },
        },
        { kind: 'ENDED', legacyName: 'call_ended', callId: 'call-9', providerName: null, ...none, endReason: 'COMPLETED' },
      ],
    });
    expect(data.videoVisit).toEqual({ callId: 'call-9', status: 'ENDED', endReason: 'COMPLETED', endedAt: expect.any(String) });
    expect(data.none).toBeNull();
  });

  test('events of all domains come as their own types, and one of a newer catalogue as a GenericEvent', async () => {
    await start();
    const newer = { ...eventOf('call.ready', { callId: 'x' }), type: 'claim.settled', channel: '/member/m-1/claim/c-1' };
    await edge.append(eventOf('rte.failed'), eventOf('call.ready'), newer);
    const query = `query ($channel: String!) { memberEvents(channel: $channel) { nodes {
      __typename type channel ... on CoverageUpdate { status } ... on VideoVisitEvent { kind } ... on GenericEvent { payload } } pollAfterMs } }`;
    const ask = async (channel: string) =>
      (await edge.post(query, { token: await tokenFor('m-1'), variables: { channel } })).data.memberEvents;
    expect(await ask('/member/m-1/**')).toMatchObject({
      pollAfterMs: 2000,
      nodes: [
        { __typename: 'CoverageUpdate', status: 'FAILED' },
        { __typename: 'VideoVisitEvent', kind: 'READY' },
        { __typename: 'GenericEvent', type: 'claim.settled', channel: '/member/m-1/claim/c-1', payload: { callId: 'x' } },
      ],
    });
    expect(await ask('/member/m-1/video-visit/*')).toMatchObject({ pollAfterMs: 5000, nodes: [{ kind: 'READY' }] });
    expect(await ask('/member/m-1/rte/*')).toMatchObject({ pollAfterMs: 2000, nodes: [{ status: 'FAILED' }] });
    expect(await ask('/member/m-1/*/call-9')).toMatchObject({ pollAfterMs: 2000, nodes: [{ kind: 'READY' }] });
  });
});

describe('pages and acknowledgements', () => {
  test('pages follow each other by cursor without a hole or a repeat', async () => {
    await start();
    await edge.append(...Array.from({ length: 5 }, (_, n) => eventOf('call.ready', { callId: `c-${String(n)}` })));
    const token = await tokenFor('m-1');
    const seen: string[] = [];
    let after: string | null = null;
    for (let more = true; more;) {
      const { data }: Answer = await edge.post(
        'query ($after: String) { videoVisitEvents(first: 2, after: $after) { nodes { callId } pageInfo { endCursor hasNextPage } } }',
        { token, variables: { after } },
      );
      seen.push(...data.videoVisitEvents.nodes.map(({ callId }: { callId: string }) => callId));
      after = data.videoVisitEvents.pageInfo.endCursor;
      more = data.videoVisitEvents.pageInfo.hasNextPage;
    }
    expect(seen).toEqual(['c-0', 'c-1', 'c-2', 'c-3', 'c-4']);
  });

  test('an acknowledgement closes an event once, tells what it does not know, and takes an id twice', async () => {
    await start();
    const event = eventOf('call.ready');
    await edge.append(event);
    const token = await tokenFor('m-1');
    const acknowledge = async (ids: string[], by = token) =>
      edge.post('mutation ($ids: [ID!]!) { acknowledgeDeliveries(ids: $ids) { acknowledged alreadyAcknowledged unknown } }', {
        token: by,
        variables: { ids },
      });
    const foreign = await acknowledge([event.id], await tokenFor('m-2'));
    expect(foreign.data.acknowledgeDeliveries).toEqual({ acknowledged: [], alreadyAcknowledged: [], unknown: [event.id] });
    const first = await acknowledge([event.id, event.id, 'no-such-id']);
    expect(first.data.acknowledgeDeliveries).toEqual({
      acknowledged: [event.id],
      alreadyAcknowledged: [],
      unknown: ['no-such-id'],
    });
    expect((await acknowledge([event.id])).data.acknowledgeDeliveries).toMatchObject({ alreadyAcknowledged: [event.id] });
    const pending = await edge.post(
      '{ pendingDeliveries { nodes { type } } videoVisitEvents { nodes { delivery { acknowledgedAt } } } }',
      { token },
    );
    expect(pending.data).toMatchObject({
      pendingDeliveries: { nodes: [] },
      videoVisitEvents: { nodes: [{ delivery: { acknowledgedAt: expect.any(String) } }] },
    });
  });

  test('all fields of an operation together may ask for 2000 events, counted anew for each operation', async () => {
    await start();
    const token = await tokenFor('m-1');
    const pages = (count: number) =>
      `{ ${Array.from({ length: count }, (_, n) => `a${String(n)}: pendingDeliveries(first: 1000) { pollAfterMs }`).join(' ')} }`;
    expect((await edge.post(pages(2), { token })).errors).toBeUndefined();
    expect((await edge.post(pages(2), { token })).errors).toBeUndefined();
    expect((await edge.post(pages(3), { token })).errors).toMatchObject(never('BAD_USER_INPUT'));
  });

  test('1000 ids are taken, 1001 are not; `first` is 1 to 1000', async () => {
    await start();
    const token = await tokenFor('m-1');
    const ids = Array.from({ length: 1_001 }, (_, n) => `id-${String(n)}`);
    const acknowledge = 'mutation ($ids: [ID!]!) { acknowledgeDeliveries(ids: $ids) { unknown } }';
    expect((await edge.post(acknowledge, { token, variables: { ids } })).errors).toMatchObject(never('BAD_USER_INPUT'));
    expect((await edge.post(acknowledge, { token, variables: { ids: ids.slice(1) } })).errors).toBeUndefined();
    for (const first of [0, -1, 1_001]) {
      const { errors } = await edge.post(`{ pendingDeliveries(first: ${String(first)}) { pollAfterMs } }`, { token });
      expect(errors).toMatchObject(never('BAD_USER_INPUT'));
    }
    for (const first of ['1', '1000', 'null']) {
      const { errors } = await edge.post(`{ pendingDeliveries(first: ${first}) { pollAfterMs } }`, { token });
      expect(errors).toBeUndefined();
    }
  });
});

describe('who may see what', () => {
  const asked: [string, string, string][] = [
    ['an account that the token does not list', '{ coverageUpdates(accountId: "A999") { pollAfterMs } }', 'FORBIDDEN'],
    ["another member's channel", '{ memberEvents(channel: "/member/m-2/**") { pollAfterMs } }', 'FORBIDDEN'],
    ['any member', '{ memberEvents(channel: "/member/*/rte/*") { pollAfterMs } }', 'FORBIDDEN'],
    ['everything there is', '{ memberEvents(channel: "/**") { pollAfterMs } }', 'FORBIDDEN'],
    ['a pattern with a star in a word', '{ memberEvents(channel: "/member/m-1/r*") { pollAfterMs } }', 'BAD_USER_INPUT'],
    ['a pattern with an empty segment', '{ memberEvents(channel: "/member/m-1//x") { pollAfterMs } }', 'BAD_USER_INPUT'],
    ['an empty pattern', '{ memberEvents(channel: "") { pollAfterMs } }', 'BAD_USER_INPUT'],
    ['an empty cursor', '{ videoVisitEvents(after: "") { pollAfterMs } }', 'BAD_USER_INPUT'],
    ['a forged cursor', '{ videoVisitEvents(after: "AQIDBAUGBwgJCgsMDQ4PEBES") { pollAfterMs } }', 'BAD_USER_INPUT'],
  ];
  test.each(asked)('%s is refused', async (_what, query, code) => {
    await start();
    const { errors, data } = await edge.post(query, { token: await tokenFor('m-1', { accounts: ['A123'] }) });
    expect(errors).toMatchObject(never(code));
    expect(Object.values(data ?? {})).not.toContainEqual(expect.anything());
  });

  test('the cursor of another member is refused, one of a lost log needs a resync', async () => {
    await start();
    const cursors = createCursors(cursorSecret);
    const position = { epoch: 'of-a-lost-log', generation: 0, sequence: 5, chain: 'deadbeef' };
    const ask = async (after: string) =>
      edge.post('query ($after: String) { videoVisitEvents(after: $after) { pollAfterMs } }', {
        token: await tokenFor('m-1'),
        variables: { after },
      });
    expect((await ask(cursors.encode('m-2', position))).errors).toMatchObject(never('BAD_USER_INPUT'));
    expect((await ask(cursors.encode('m-1', position))).errors).toMatchObject(refusal('RESYNC_REQUIRED', 'after-resync'));
  });

  test('events of accounts that the token does not list are left out where no account was asked for', async () => {
    await start();
    await edge.append(
      eventOf('rte.failed', { accountId: 'A123' }),
      eventOf('rte.failed', { accountId: 'A999', workflowId: 'wf-999' }),
    );
    const query =
      '{ pendingDeliveries { nodes { ... on CoverageUpdate { accountId } } } coverageUpdate(workflowId: "wf-999") { accountId } }';
    const { data } = await edge.post(query, { token: await tokenFor('m-1', { accounts: ['A123'] }) });
    expect(data).toEqual({ pendingDeliveries: { nodes: [{ accountId: 'A123' }] }, coverageUpdate: null });
  });

  test('no token, a bad one, another scheme and an expired one are 401 with a GraphQL error', async () => {
    await start();
    const tokens = [undefined, 'Bearer nonsense', 'Basic bWVtYmVy', `Bearer ${await tokenFor('m-1', { forSeconds: -10 })}`];
    for (const authorization of tokens) {
      const { status, errors } = await edge.post('{ session { memberId } }', {
        headers: authorization === undefined ? {} : { authorization },
      });
      expect(status).toBe(401);
      expect(errors).toMatchObject(refusal('UNAUTHENTICATED', 'after-refresh'));
    }
    expect(await edge.metric('websocket_auth_failures_total')).toBe(4);
  });

  test('a verifier that cannot answer just now is 503, which says nothing about the token', async () => {
    await start({ authenticate: () => Promise.reject(new LifelineError('UNAVAILABLE')) });
    const { status, errors } = await edge.post('{ session { memberId } }', { token: 'any' });
    expect(status).toBe(503);
    expect(errors).toMatchObject(refusal('UNAVAILABLE', 'backoff'));
    expect(await edge.metric('websocket_auth_failures_total')).toBe(0);
  });

  test('asking only for the schema needs no token, and can be turned off', async () => {
    await start();
    expect((await edge.post('{ __typename }')).data).toEqual({ __typename: 'Query' });
    expect((await edge.post('{ __schema { queryType { name } } }')).data).toEqual({ __schema: { queryType: { name: 'Query' } } });
    expect((await edge.post('{ __typename session { memberId } }')).status).toBe(401);
    expect((await edge.post('query { ...F } fragment F on Query { session { memberId } }')).status).toBe(401);
    await edge.stop();
    await start({ introspection: false });
    expect((await edge.post('{ __schema { __typename } }')).errors).toMatchObject(never('BAD_USER_INPUT'));
    expect((await edge.post('{ __typename }')).data).toEqual({ __typename: 'Query' });
  });

  test('the session tells who and where, by the address that the client used or by the public one', async () => {
    await start();
    const token = await tokenFor('m-1');
    const ask = async (headers: Record<string, string> = {}) =>
      (await edge.post('{ session { memberId expiresAt transports { kind url } } }', { token, headers })).data.session;
    const host = new URL(edge.url).host;
    expect(await ask()).toEqual({
      memberId: 'm-1',
      expiresAt: expect.any(String),
      transports: [
        { kind: 'WEBSOCKET', url: `ws://${host}/graphql` },
        { kind: 'SSE', url: `http://${host}/graphql` },
        { kind: 'POLLING', url: `http://${host}/graphql` },
      ],
    });
    expect((await ask({ 'x-forwarded-proto': 'https' })).transports[0]).toEqual({
      kind: 'WEBSOCKET',
      url: `wss://${host}/graphql`,
    });
    await edge.stop();
    await start({ publicUrl: 'https://events.example/' });
    expect((await ask()).transports[0]).toEqual({ kind: 'WEBSOCKET', url: 'wss://events.example/graphql' });
  });

  test('refreshSession over HTTP checks the newer token', async () => {
    await start();
    const token = await tokenFor('m-1');
    const refresh = async (newer: string) =>
      edge.post('mutation ($newer: String!) { refreshSession(token: $newer) { memberId } }', { token, variables: { newer } });
    expect((await refresh(token)).data).toEqual({ refreshSession: { memberId: 'm-1' } });
    expect((await refresh(await tokenFor('m-2'))).errors).toMatchObject(never('FORBIDDEN'));
    expect((await refresh('nonsense')).errors).toMatchObject(refusal('UNAUTHENTICATED', 'after-refresh'));
  });
});

describe('requests that are not right', () => {
  const send = async (body: string, headers: Record<string, string>, method = 'POST') => {
    const response = await fetch(edge.url, { method, headers, ...(method === 'POST' ? { body } : {}) });
    return { status: response.status, response, ...((await response.json()) as Answer) };
  };
  const json = { 'content-type': 'application/json' };

  test.each<[string, string]>([
    ['no JSON', 'hello'],
    ['no query', '{}'],
    ['a query that is no text', '{"query":7}'],
    ['variables that are a list', '{"query":"{ __typename }","variables":[1]}'],
    ['a batch', '[{"query":"{ __typename }"},{"query":"{ __typename }"}]'],
    ['a syntax error', '{"query":"{"}'],
    ['an unknown field', '{"query":"{ nonsense }"}'],
    ['an unknown operation', '{"query":"query A { __typename }","operationName":"B"}'],
    ['an absent variable', '{"query":"query ($x: Int!) { pendingDeliveries(first: $x) { pollAfterMs } }"}'],
    ['a body above 64 KiB', JSON.stringify({ query: '{ __typename }', variables: { filler: 'x'.repeat(70_000) } })],
  ])('%s is BAD_USER_INPUT', async (_what, body) => {
    await start();
    const { errors, status } = await send(body, { ...json, authorization: `Bearer ${await tokenFor('m-1')}` });
    expect(errors).toMatchObject(never('BAD_USER_INPUT'));
    expect(Object.keys(errors?.[0]?.extensions ?? {}).toSorted()).toEqual(['code', 'retry']);
    expect(status).toBeLessThan(500);
  });

  test.each(['variables', 'extensions'])('%s in a URL or a form that are no JSON are BAD_USER_INPUT', async (parameter) => {
    await start();
    const authorization = `Bearer ${await tokenFor('m-1')}`;
    const parameters = new URLSearchParams({ query: '{ __typename }', [parameter]: '{' });
    const byUrl = await fetch(`${edge.url}?${String(parameters)}`, { headers: { authorization } });
    const byForm = await fetch(edge.url, { method: 'POST', headers: { authorization }, body: parameters });
    for (const response of [byUrl, byForm]) {
      expect(response.status).toBeLessThan(500);
      expect(await response.json()).toMatchObject({
        errors: [{ message: expect.stringContaining(parameter), ...never('BAD_USER_INPUT')[0] }],
      });
    }
    expect(edge.logged).toEqual([]);
  });

  test('of a variable that does not fit it is told which one it is', async () => {
    await start();
    const query = 'query ($first: Int!) { pendingDeliveries(first: $first) { pollAfterMs } }';
    const { errors } = await edge.post(query, { token: await tokenFor('m-1'), variables: { first: 'many' } });
    expect(errors).toMatchObject([{ message: expect.stringContaining('$first'), extensions: { code: 'BAD_USER_INPUT' } }]);
  });

  test('clients that accept GraphQL responses see 400, those of plain JSON 200', async () => {
    await start();
    const body = '{"query":"{ nonsense }"}';
    expect((await send(body, { ...json, accept: 'application/graphql-response+json' })).status).toBe(400);
    expect((await send(body, { ...json, accept: 'application/json' })).status).toBe(200);
  });

  test('a mutation by GET is impossible', async () => {
    await start();
    const response = await fetch(
      `${edge.url}?query=${encodeURIComponent('mutation { acknowledgeDeliveries(ids: []) { unknown } }')}`,
      {
        headers: { authorization: `Bearer ${await tokenFor('m-1')}` },
      },
    );
    expect(response.status).toBe(405);
    expect(await response.json()).toMatchObject({ errors: never('BAD_USER_INPUT') });
  });

  test('a request that a form of another site could send is refused, with a sentence', async () => {
    await start();
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x']) {
      const { status, errors } = await send('{"query":"{ __typename }"}', { 'content-type': type });
      expect(status).toBe(403);
      expect(errors).toMatchObject([
        { message: expect.stringContaining('Content-Type: application/json'), extensions: { code: 'BAD_USER_INPUT' } },
      ]);
    }
    const bare = await fetch(`${edge.url}?query={__typename}`);
    expect(bare.status).toBe(403);
    const query = await fetch(`${edge.url}?query={__typename}`, { headers: { authorization: 'Bearer any' } });
    expect(await query.json()).toEqual({ data: { __typename: 'Query' } });
  });

  test.each([
    [415, { 'content-type': 'multipart/form-data; boundary=x' }],
    [406, { ...json, accept: 'text/html' }],
  ])('a media type that is not served is %i, with a sentence', async (refused, headers) => {
    await start();
    const { status, errors } = await send('{"query":"{ __typename }"}', { authorization: 'Bearer any', ...headers });
    expect(status).toBe(refused);
    expect(errors).toMatchObject([{ message: expect.stringContaining('application/json'), ...never('BAD_USER_INPUT')[0] }]);
  });

  test('a failure of our own is masked and logged under its id, and its text is in neither', async () => {
    await start({ around: (delivery) => ({ ...delivery, videoVisit: () => Promise.reject(new Error('secret of member m-1')) }) });
    const { errors, status } = await edge.post('{ videoVisit(callId: "c") { callId } }', { token: await tokenFor('m-1') });
    expect(status).toBe(200);
    expect(errors).toMatchObject([
      { path: ['videoVisit'], extensions: { code: 'INTERNAL', retry: 'backoff', id: expect.any(String) } },
    ]);
    expect(edge.logged).toMatchObject([{ fields: { id: errors?.[0]?.extensions['id'], error: 'Error' } }]);
    expect(JSON.stringify([errors, edge.logged])).not.toMatch(/secret|m-1/);
    expect(await edge.metric('lifeline_operation_errors_total')).toBe(1);
  });
});

describe('pages of other origins', () => {
  const preflight = (origin: string) =>
    fetch(edge.url, {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization' },
    });

  test('get no permission by default', async () => {
    await start();
    const { headers } = await preflight('https://app.example');
    expect([...headers.keys()].filter((name) => name.startsWith('access-control-'))).toEqual([]);
  });

  test('get it when they are listed, and never with credentials', async () => {
    await start({ corsOrigins: ['https://app.example'] });
    const { headers, status } = await preflight('https://app.example');
    expect(status).toBe(204);
    expect(headers.get('access-control-allow-origin')).toBe('https://app.example');
    expect(headers.get('access-control-allow-headers')).toContain('authorization');
    expect(headers.get('vary')).toContain('Origin');
    expect(headers.has('access-control-allow-credentials')).toBe(false);
    for (const origin of ['https://evil.example', 'null', 'https://app.example.evil.example']) {
      expect((await preflight(origin)).headers.has('access-control-allow-origin')).toBe(false);
    }
    const answered = await edge.post('{ __typename }', { headers: { origin: 'https://app.example' } });
    expect(answered.response.headers.get('access-control-allow-origin')).toBe('https://app.example');
  });
});

describe('beside GraphQL', () => {
  const get = async (path: string) => {
    const response = await fetch(edge.origin + path, { redirect: 'manual' });
    return { status: response.status, type: response.headers.get('content-type'), text: await response.text() };
  };

  test('readiness names each check, and is 503 while one is red', async () => {
    let reason: string | null = null;
    await start({
      health: () => ({
        ready: reason === null,
        checks: { redis: reason === null ? { ok: true } : { ok: false, reason }, kafka: { ok: true } },
      }),
    });
    expect(await get('/healthz')).toMatchObject({ status: 200, type: expect.stringContaining('application/json') });
    const green = await get('/readyz');
    expect([green.status, JSON.parse(green.text)]).toMatchObject([200, { checks: { redis: { ok: true }, kafka: { ok: true } } }]);
    reason = 'Redis refuses connections';
    const red = await get('/readyz');
    expect([red.status, JSON.parse(red.text)]).toMatchObject([
      503,
      { checks: { redis: { ok: false, reason }, kafka: { ok: true } } },
    ]);
    expect((await get('/healthz')).status).toBe(200);
    const { text } = await get('/metrics');
    expect(text).toContain('lifeline_ready{check="redis"} 0');
    expect(text).toContain('websocket_connections_active 0');
  });

  test('an unknown path is a 404 with a sentence, unless somebody else takes it', async () => {
    await start({
      corsOrigins: ['https://app.example'],
      extraRoutes: (request, response) => {
        if (request.url !== '/extra') return false;
        response.end('taken');
        return true;
      },
    });
    expect(await get('/extra')).toMatchObject({ status: 200, text: 'taken' });
    const across = (origin: string) => fetch(`${edge.origin}/extra`, { headers: { origin } });
    expect((await across('https://app.example')).headers.get('access-control-allow-origin')).toBe('https://app.example');
    expect((await across('https://evil.example')).headers.has('access-control-allow-origin')).toBe(false);
    const unknown = await get('/nothing');
    expect(unknown).toMatchObject({ status: 404, type: expect.stringContaining('application/json') });
    expect(JSON.parse(unknown.text)).toEqual({ error: expect.stringContaining('/graphql') });
    expect((await get('/')).status).toBe(404);
  });

  test('a request in flight at a stop is answered, and its connection ends', async () => {
    let arrived = () => {};
    let release = () => {};
    const waiting = new Promise<void>((resolve) => void (arrived = resolve));
    const released = new Promise<void>((resolve) => void (release = resolve));
    await start({
      around: (delivery) => ({
        ...delivery,
        videoVisit: async () => {
          arrived();
          await released;
          return null;
        },
      }),
    });
    const answer = edge.post('{ videoVisit(callId: "c") { callId } }', { token: await tokenFor('m-1') });
    await waiting;
    const stopped = edge.stop();
    release();
    expect((await answer).data).toEqual({ videoVisit: null });
    await stopped;
  });

  test('a request that comes over an open connection during a stop is 503, and the connection ends', async () => {
    let arrived = () => {};
    let release = () => {};
    const waiting = new Promise<void>((resolve) => void (arrived = resolve));
    const released = new Promise<void>((resolve) => void (release = resolve));
    await start({
      around: (delivery) => ({
        ...delivery,
        videoVisit: async () => {
          arrived();
          await released;
          return null;
        },
      }),
    });
    const socket = connect(edge.port, '127.0.0.1');
    const received = text(socket);
    const body = JSON.stringify({ query: '{ videoVisit(callId: "c") { callId } }' });
    const head = `POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nauthorization: Bearer ${await tokenFor('m-1')}`;
    socket.write(`${head}\r\ncontent-length: ${String(body.length)}\r\n\r\n${body}`);
    await waiting;
    const stopped = edge.stop();
    socket.write('GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n');
    // One round trip over another connection's refusal: by then the second request has arrived.
    await expect(fetch(edge.url)).rejects.toThrow();
    release();
    expect(await received).toMatch(/^HTTP\/1.1 200 OK[^]*"videoVisit":null[^]*HTTP\/1.1 503 [^]*connection: close/i);
    await stopped;
  });

  test('a stop does not wait for a client that holds its connection and sends nothing', async () => {
    await start();
    const idle = httpRequest(edge.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'content-length': '100' },
    });
    idle.on('error', () => {}); // it will be cut
    idle.write('{');
    await new Promise((resolve) => idle.on('socket', (socket) => socket.once('connect', resolve)));
    await edge.stop();
    idle.destroy();
  }, 8_000);
});
