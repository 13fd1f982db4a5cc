import { createClient, type ExecutionResult } from 'graphql-ws';
import { afterEach, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';

import { LifelineError } from '../../src/errors.ts';
import { eventually } from '../support/eventually.ts';
import { eventOf, startEdge, tokenFor, type Edge, type EdgeOptions } from './support.ts';

let edge: Edge;
const start = async (options?: EdgeOptions) => {
  edge = await startEdge(options);
  return edge;
};
afterEach(() => edge.stop());

const calls = 'subscription { videoVisitEvents { kind delivery { id cursor sequence } } }';
const listeners = () => edge.metric('lifeline_listeners');
// oxlint-disable-next-line typescript/no-explicit-any -- whatever was asked for
type Fields = Record<string, any>;
type Result = ExecutionResult<Fields, Fields>;

describe('over WebSocket', () => {
  test('an event is pushed to the stock client, acknowledged over the same socket, and not sent again', async () => {
    await start();
    const client = edge.client(await tokenFor('m-1'));
    const events = client.iterate<Fields>({ query: calls });
    await edge.append(eventOf('call.join'));
    const first = await events.next();
    expect(first.value).toMatchObject({ data: { videoVisitEvents: { kind: 'JOIN', delivery: { sequence: 1 } } } });
    const id: string = first.value?.data?.['videoVisitEvents'].delivery.id;
    const acknowledged = await client
      .iterate({
        query: 'mutation ($ids: [ID!]!) { acknowledgeDeliveries(ids: $ids) { acknowledged unknown } }',
        variables: { ids: [id] },
      })
      .next();
    expect(acknowledged.value).toEqual({ data: { acknowledgeDeliveries: { acknowledged: [id], unknown: [] } } });
    await events.return?.();
    const again = client.iterate({ query: calls });
    await edge.append(eventOf('call.ended'));
    expect((await again.next()).value).toMatchObject({ data: { videoVisitEvents: { kind: 'ENDED' } } });
    await again.return?.();
  });

  test('queries run over the socket too', async () => {
    await start();
    const { value } = await edge
      .client(await tokenFor('m-1'))
      .iterate({ query: '{ session { memberId transports { kind url } } }' })
      .next();
    expect(value).toMatchObject({
      data: { session: { memberId: 'm-1', transports: [{ kind: 'WEBSOCKET' }, { kind: 'SSE' }, { kind: 'POLLING' }] } },
    });
  });

  test('completing, and hanging up, release the listener at once while an event is awaited', async () => {
    await start();
    const client = edge.client(await tokenFor('m-1'));
    const stop = client.subscribe({ query: calls }, { next: () => {}, error: () => {}, complete: () => {} });
    await eventually(async () => (await listeners()) === 1);
    stop();
    await eventually(async () => (await listeners()) === 0);

    client.subscribe({ query: calls }, { next: () => {}, error: () => {}, complete: () => {} });
    await eventually(async () => (await listeners()) === 1);
    client.terminate();
    await eventually(async () => (await listeners()) === 0 && (await edge.metric('websocket_connections_active')) === 0);
    expect(await edge.metric('lifeline_subscriptions_active')).toBe(0);
  });

  test('a cursor on the first subscription counts as a reconnect, on a later one it does not', async () => {
    await start();
    await edge.append(eventOf('call.accepted'));
    const token = await tokenFor('m-1');
    const client = edge.client(token, { lazyCloseTimeout: 60_000 });
    const first = (await client.iterate<Fields>({ query: calls }).next()).value;
    const resume = {
      query: 'subscription ($after: String) { videoVisitEvents(after: $after) { kind } }',
      variables: { after: first?.data?.['videoVisitEvents'].delivery.cursor },
    };
    await client.iterate(resume).next();
    expect(await edge.metric('websocket_reconnects_total')).toBe(0);
    await edge.client(token).iterate(resume).next();
    expect(await edge.metric('websocket_reconnects_total')).toBe(1);
    expect(await edge.metric('websocket_connections_total')).toBe(2);
  });

  test.each<[string, (token: string) => Record<string, unknown>]>([
    ['authorization', (token) => ({ authorization: `Bearer ${token}` })],
    ['Authorization', (token) => ({ Authorization: `bearer ${token}` })],
    ['token', (token) => ({ token })],
    ['connectionParams.token with a scheme', (token) => ({ connectionParams: { token: `Bearer ${token}` } })],
    ['connectionParams.token without', (token) => ({ connectionParams: { token } })],
    ['connectionParams.authorization', (token) => ({ connectionParams: { authorization: `Bearer ${token}` } })],
    ['two that agree', (token) => ({ token, authorization: `Bearer ${token}` })],
  ])('the token may come in connection_init as %s', async (_name, params) => {
    await start();
    const client = edge.client(null, { connectionParams: params(await tokenFor('m-1')) });
    expect((await client.iterate({ query: '{ session { memberId } }' }).next()).value).toEqual({
      data: { session: { memberId: 'm-1' } },
    });
  });

  test.each([['absent'], ['null']])('with a token on the upgrade the payload of connection_init may be %s', async (payload) => {
    await start();
    const socket = await raw(edge, { authorization: `Bearer ${await tokenFor('m-1')}` });
    socket.send(payload === 'null' ? { type: 'connection_init', payload: null } : { type: 'connection_init' });
    expect(await socket.next()).toEqual({ type: 'connection_ack' });
    socket.close();
  });

  test.each<[string, (token: string, other: string) => object | undefined]>([
    ['no token', () => undefined],
    ['a bad token', () => ({ token: 'nonsense' })],
    ['another scheme', () => ({ authorization: 'Basic abc' })],
    ['two tokens that disagree', (token, other) => ({ token, connectionParams: { token: other } })],
  ])('%s closes with 4403, which the stock client retries', async (_name, payload) => {
    await start();
    const socket = await raw(edge);
    socket.send({ type: 'connection_init', payload: payload(await tokenFor('m-1'), await tokenFor('m-1', { forSeconds: 60 })) });
    expect(await socket.closed).toMatchObject({ code: 4403 });
    expect(await edge.metric('websocket_auth_failures_total')).toBe(1);
  });

  test('a verifier that cannot answer just now closes with 1013', async () => {
    await start({ authenticate: () => Promise.reject(new LifelineError('UNAVAILABLE')) });
    const socket = await raw(edge);
    socket.send({ type: 'connection_init', payload: { token: 'any' } });
    expect(await socket.closed).toMatchObject({ code: 1013 });
    expect(await edge.metric('websocket_auth_failures_total')).toBe(0);
  });

  test('refreshSession under a token of another member is FORBIDDEN, under one of the same member it continues the socket', async () => {
    await start();
    const client = edge.client(await tokenFor('m-1'), { lazyCloseTimeout: 60_000 });
    const refresh = async (token: string) =>
      (
        await client
          .iterate({ query: 'mutation ($token: String!) { refreshSession(token: $token) { expiresAt } }', variables: { token } })
          .next()
      ).value as Result;
    expect(await refresh(await tokenFor('m-2'))).toMatchObject({ errors: [{ extensions: { code: 'FORBIDDEN', retry: 'never' } }] });
    expect(await refresh('nonsense')).toMatchObject({
      errors: [{ extensions: { code: 'UNAUTHENTICATED', retry: 'after-refresh' } }],
    });
    const soon = (await refresh(await tokenFor('m-1', { forSeconds: 7_200 }))).data?.['refreshSession'].expiresAt;
    expect(Date.parse(soon)).toBeGreaterThan(Date.now() + 7_000_000);
  });

  test('between expiry and the end of the grace only refreshSession is answered; at the end the socket closes with 4403', async () => {
    let skew = 0;
    const now = () => Date.now() + skew;
    const expiresAt = { old: Date.now() + 60_000, fresh: Date.now() + 120_000 };
    await start({
      now,
      authenticate: (token) =>
        Promise.resolve({ member: 'm-1', expiresAt: token === 'fresh' ? expiresAt.fresh : expiresAt.old, accounts: null }),
    });
    const socket = await raw(edge);
    socket.send({ type: 'connection_init', payload: { token: 'old' } });
    await socket.next();
    skew = 61_000;
    socket.send({ id: '1', type: 'subscribe', payload: { query: '{ session { memberId } }' } });
    expect(await socket.next()).toMatchObject({ id: '1', payload: { errors: [{ extensions: { code: 'UNAUTHENTICATED' } }] } });
    expect(await socket.next()).toEqual({ id: '1', type: 'complete' });
    socket.send({ id: '2', type: 'subscribe', payload: { query: 'mutation { refreshSession(token: "fresh") { memberId } }' } });
    expect(await socket.next()).toMatchObject({ id: '2', payload: { data: { refreshSession: { memberId: 'm-1' } } } });
    await socket.next();
    socket.send({ id: '3', type: 'subscribe', payload: { query: '{ session { memberId } }' } });
    expect(await socket.next()).toMatchObject({ id: '3', payload: { data: { session: { memberId: 'm-1' } } } });
    socket.close();
  });

  test('at the end of the grace the socket closes with 4403, and no stream is said to be complete', async () => {
    let skew = 0;
    const expiresAt = Date.now() + 500;
    await start({
      now: () => Date.now() + skew,
      authenticate: () => Promise.resolve({ member: 'm-1', expiresAt, accounts: null }),
    });
    const socket = await raw(edge);
    socket.send({ type: 'connection_init', payload: { token: 'any' } });
    await socket.next();
    socket.send({ id: '1', type: 'subscribe', payload: { query: calls } });
    await eventually(async () => (await listeners()) === 1);
    skew = 25_000;
    expect(await socket.closed).toMatchObject({ code: 4403 });
    expect(socket.received).toEqual([]);
    await eventually(async () => (await listeners()) === 0);
  });

  test('the stock client goes on by itself when its token ends, with the next one it is given', async () => {
    let skew = 0;
    const expiresAt = { old: Date.now() + 500, fresh: Date.now() + 3_600_000 };
    await start({
      now: () => Date.now() + skew,
      authenticate: (token) =>
        Promise.resolve({ member: 'm-1', expiresAt: token === 'old' ? expiresAt.old : expiresAt.fresh, accounts: null }),
    });
    const tokens = ['old'];
    const client = edge.client(null, {
      connectionParams: () => ({ token: tokens.shift() ?? 'fresh' }),
      retryAttempts: 10,
      retryWait: () => Promise.resolve(),
    });
    const results = client.iterate({ query: calls });
    const next = results.next();
    await eventually(async () => (await listeners()) === 1);
    skew = 25_000;
    await eventually(async () => (await edge.metric('websocket_connections_total')) === 2, { what: 'the second connection' });
    await edge.append(eventOf('call.ready'));
    expect(await next).toMatchObject({ done: false, value: { data: { videoVisitEvents: { kind: 'READY' } } } });
    await results.return?.();
  });
});

describe('what would take a whole socket down', () => {
  test('errors in operations leave the socket and the other operations alone', async () => {
    await start();
    const socket = await connected(edge);
    socket.send({ id: 'live', type: 'subscribe', payload: { query: calls } });
    const broken = {
      syntax: 'subscription {',
      unknown: '{ nonsense }',
      deep: `{ memberEvents(channel: "/member/m-1/**") ${'{ nodes '.repeat(11)}{ type }${'}'.repeat(11)} }`,
      noOperation: 'fragment F on Query { __typename }',
      forbidden: 'subscription { memberEvents(channel: "/member/m-2/**") { type } }',
      malformed: 'subscription { memberEvents(channel: "a*b") { type } }',
      cursor: 'subscription { memberEvents(channel: "/member/m-1/**", after: "forged") { type } }',
      account: '{ coverageUpdates(accountId: "A123", first: 0) { pollAfterMs } }',
      variables: 'query ($id: ID!) { videoVisit(callId: $id) { callId } }',
      empty: '',
    };
    for (const [id, query] of Object.entries(broken)) {
      socket.send({ id, type: 'subscribe', payload: { query } });
      const answer = await socket.next();
      const errors = answer.type === 'error' ? answer.payload : answer.payload.errors;
      expect(errors[0].extensions, `${id}: ${JSON.stringify(errors)}`).toEqual({
        code: id === 'forbidden' ? 'FORBIDDEN' : 'BAD_USER_INPUT',
        retry: 'never',
      });
      if (answer.type === 'next') expect(await socket.next()).toEqual({ id, type: 'complete' });
    }
    await edge.append(eventOf('call.ready'));
    expect(await socket.next()).toMatchObject({ id: 'live', type: 'next' });
    socket.close();
  });

  test('a failure of our own is masked, with an id that is in the log, and nothing of it in either', async () => {
    await start({
      around: (delivery) => ({ ...delivery, videoVisit: () => Promise.reject(new Error('secret of member m-1')) }),
    });
    const client = edge.client(await tokenFor('m-1'));
    const { value } = await client.iterate({ query: '{ videoVisit(callId: "c") { callId } }' }).next();
    const [error] = (value as Result).errors ?? [];
    expect(error).toMatchObject({ extensions: { code: 'INTERNAL', retry: 'backoff', id: expect.any(String) } });
    expect(Object.keys(error?.extensions ?? {}).toSorted()).toEqual(['code', 'id', 'retry']);
    expect(edge.logged.map(({ fields }) => (fields as { id?: string }).id)).toContain(error?.extensions['id']);
    expect(JSON.stringify([value, edge.logged])).not.toMatch(/secret|m-1/);
  });

  test('an id may be used again right after complete, and the second operation can be completed and is freed', async () => {
    await start();
    const socket = await connected(edge);
    const subscribe = { id: '1', type: 'subscribe', payload: { query: calls } };
    socket.send(subscribe);
    await eventually(async () => (await listeners()) === 1);
    for (let round = 0; round < 20; round++) {
      socket.send({ id: '1', type: 'complete' });
      socket.send(subscribe);
    }
    await edge.append(eventOf('call.ready'));
    expect(await socket.next()).toMatchObject({ id: '1', payload: { data: { videoVisitEvents: { kind: 'READY' } } } });
    expect(await edge.metric('lifeline_subscriptions_active')).toBe(1);
    socket.send({ id: '1', type: 'complete' });
    await eventually(async () => (await listeners()) === 0 && (await edge.metric('lifeline_subscriptions_active')) === 0);
    socket.send(subscribe);
    await eventually(async () => (await listeners()) === 1);
    socket.close();
    await eventually(async () => (await listeners()) === 0);
  });

  test('an id that is in use closes with 4409, as the protocol says', async () => {
    await start();
    const socket = await connected(edge);
    socket.send({ id: '1', type: 'subscribe', payload: { query: calls } });
    socket.send({ id: '1', type: 'subscribe', payload: { query: calls } });
    expect(await socket.closed).toMatchObject({ code: 4409 });
    await eventually(async () => (await listeners()) === 0);
  });

  test('a message that is wrong in itself closes with 4400, also under an id that is in use', async () => {
    await start();
    const socket = await connected(edge);
    socket.send({ id: '1', type: 'subscribe', payload: { query: calls } });
    socket.send({ id: '1', type: 'subscribe', payload: { query: 7 } });
    expect(await socket.closed).toMatchObject({ code: 4400 });
  });

  test('an id in use is refused with 4409 whatever is in it and however long it is', async () => {
    await start();
    const socket = await connected(edge);
    for (let twice = 0; twice < 2; twice++) socket.send({ id: '🩺'.repeat(1_000), type: 'subscribe', payload: { query: calls } });
    expect(await socket.closed).toMatchObject({ code: 4409 });
  });

  test.each<[string, string]>([
    ['no JSON', 'hello'],
    ['no type', '{}'],
    ['an unknown type', '{"type":"shout"}'],
    ['an empty id', '{"type":"subscribe","id":"","payload":{"query":"{ __typename }"}}'],
    ['a message only servers send', '{"type":"next","id":"1","payload":{"data":null}}'],
  ])('%s closes with 4400', async (_name, text) => {
    await start();
    const socket = await connected(edge);
    socket.socket.send(text);
    expect(await socket.closed).toMatchObject({ code: 4400 });
  });

  test('subscribing before connection_init is answered closes with 4401, a second connection_init with 4429', async () => {
    await start();
    const early = await raw(edge);
    early.send({ id: '1', type: 'subscribe', payload: { query: calls } });
    expect(await early.closed).toMatchObject({ code: 4401 });
    const twice = await connected(edge);
    twice.send({ type: 'connection_init' });
    expect(await twice.closed).toMatchObject({ code: 4429 });
  });

  test('a message above 64 KiB is an error of its operation, not a hang-up', async () => {
    await start();
    const socket = await connected(edge);
    socket.send({ id: 'big', type: 'subscribe', payload: { query: '{ __typename }', variables: { filler: 'x'.repeat(70_000) } } });
    expect(await socket.next()).toEqual({
      id: 'big',
      type: 'error',
      payload: [{ message: 'A message may hold at most 64 KiB.', extensions: { code: 'BAD_USER_INPUT', retry: 'never' } }],
    });
    socket.send({ id: 'big', type: 'subscribe', payload: { query: '{ __typename }' } });
    expect(await socket.next()).toMatchObject({ id: 'big', payload: { data: { __typename: 'Query' } } });
    socket.close();
  });

  test('a message that is nested too deeply is refused with a sentence, and never taken for a mistake of ours', async () => {
    await start();
    const nested = (levels: number) => `{"a":${'['.repeat(levels - 1)}${']'.repeat(levels - 1)},"b":"\\"[[["}`;
    const ping = (levels: number) => `{"type":"ping","payload":${nested(levels - 1)}}`;
    const socket = await connected(edge);
    socket.socket.send(ping(500));
    expect(await socket.next()).toMatchObject({ type: 'pong' });
    const variables = `{"id":"deep","type":"subscribe","payload":{"query":"{ __typename }","variables":${nested(30_000)}}}`;
    socket.socket.send(variables);
    expect(await socket.next()).toMatchObject({ id: 'deep', type: 'error', payload: [{ extensions: { code: 'BAD_USER_INPUT' } }] });
    socket.socket.send(ping(501));
    expect(await socket.closed).toMatchObject({ code: 4400 });
    expect(await edge.metric('lifeline_operation_errors_total')).toBe(1);
  });

  test('before connection_init is accepted no more than a message is read; afterwards as much as comes', async () => {
    await start();
    const stranger = await raw(edge);
    for (let n = 0; n < 3; n++) stranger.send({ type: 'ping', payload: { filler: 'x'.repeat(30_000) } });
    expect(await stranger.closed).toMatchObject({ code: 4400 });
    const member = await connected(edge);
    for (let n = 0; n < 10; n++) member.send({ type: 'ping', payload: { n, filler: 'x'.repeat(60_000) } });
    for (let n = 0; n < 10; n++) expect(await member.next()).toMatchObject({ type: 'pong', payload: { n } });
    member.close();
  });

  test('four queries of a socket run at once, the others wait their turn, and all are answered', async () => {
    let [running, most] = [0, 0];
    await start({
      around: (delivery) => ({
        ...delivery,
        async page(request) {
          most = Math.max(most, ++running);
          await new Promise((resolve) => setTimeout(resolve, 5));
          running -= 1;
          return delivery.page(request);
        },
      }),
    });
    const socket = await connected(edge);
    const query = '{ pendingDeliveries { pollAfterMs } }';
    for (let id = 0; id < 50; id++) socket.send({ id: String(id), type: 'subscribe', payload: { query } });
    const answered = new Set<unknown>();
    while (answered.size < 50) {
      const message = await socket.next();
      if (message['type'] === 'next') answered.add(message['id']);
    }
    expect(most).toBe(4);
    socket.close();
  });

  test('queries that wait their turn are not run for a client that has left', async () => {
    let pages = 0;
    const { promise: gate, resolve: open } = Promise.withResolvers<void>();
    await start({
      around: (delivery) => ({
        ...delivery,
        async page(request) {
          pages += 1;
          await gate;
          return delivery.page(request);
        },
      }),
    });
    const socket = await connected(edge);
    for (let id = 0; id < 50; id++) {
      socket.send({ id: String(id), type: 'subscribe', payload: { query: '{ pendingDeliveries { pollAfterMs } }' } });
    }
    await eventually(() => pages === 4, { what: 'the first four' });
    socket.socket.terminate();
    await eventually(async () => (await edge.metric('websocket_connections_active')) === 0);
    open();
    expect((await edge.post('{ pendingDeliveries { pollAfterMs } }', { token: await tokenFor('m-1') })).errors).toBeUndefined();
    expect(pages).toBe(5);
  });

  test('the 101st operation is RATE_LIMITED; once one has ended there is room again', async () => {
    await start();
    const socket = await connected(edge);
    for (let id = 1; id <= 101; id++) socket.send({ id: String(id), type: 'subscribe', payload: { query: calls } });
    expect(await socket.next()).toMatchObject({
      id: '101',
      type: 'error',
      payload: [{ extensions: { code: 'RATE_LIMITED', retry: 'backoff' } }],
    });
    await eventually(async () => (await edge.metric('lifeline_subscriptions_active')) === 100);
    socket.send({ id: '1', type: 'complete' });
    socket.send({ id: '102', type: 'subscribe', payload: { query: '{ __typename }' } });
    expect(await socket.next()).toMatchObject({ id: '102', type: 'next' });
    socket.close();
    await eventually(async () => (await listeners()) === 0);
  });

  test('pings of the protocol are answered, with their payload', async () => {
    await start();
    const socket = await connected(edge);
    socket.send({ type: 'ping', payload: { n: 1 } });
    expect(await socket.next()).toEqual({ type: 'pong', payload: { n: 1 } });
    socket.close();
  });

  test('a client that does not read is not read from; once it reads, everything is answered', async () => {
    await start();
    const { socket, ...client } = await connected(edge);
    socket.pause();
    // How much the two kernels hold between them is theirs to say: send until nothing moves any more.
    let count = 0;
    const stands = async () => {
      const before = socket.bufferedAmount;
      await new Promise((resolve) => setTimeout(resolve, 200));
      return before > 0 && socket.bufferedAmount === before;
    };
    while (!(await stands()) && count < 4_000) {
      for (let n = 0; n < 100; n++) client.send({ type: 'ping', payload: { n: count++, filler: 'x'.repeat(60_000) } });
    }
    expect(count).toBeLessThan(4_000);
    socket.resume();
    for (let n = 0; n < count; n++) expect(await client.next()).toMatchObject({ type: 'pong', payload: { n } });
    client.close();
  });
});

describe('pages of other sites', () => {
  const opens = (headers: Record<string, string>) =>
    new Promise<boolean>((resolve) => {
      const socket = new WebSocket(edge.url.replace('http', 'ws'), 'graphql-transport-ws', { headers });
      socket.on('open', () => {
        socket.terminate();
        resolve(true);
      });
      socket.on('error', () => resolve(false));
    });

  test('may not open a WebSocket, unless their origin is listed', async () => {
    await start({ corsOrigins: ['https://app.example'] });
    expect(await opens({})).toBe(true);
    expect(await opens({ origin: edge.origin })).toBe(true);
    expect(await opens({ origin: 'https://app.example' })).toBe(true);
    expect(await opens({ origin: 'https://evil.example' })).toBe(false);
    expect(await opens({ origin: 'https://app.example.evil.example' })).toBe(false);
    expect(await opens({ origin: 'null' })).toBe(false);
  });
});

describe('a stop', () => {
  test('closes with 1012, which the stock client retries', async () => {
    await start();
    const socket = await connected(edge);
    socket.send({ id: '1', type: 'subscribe', payload: { query: calls } });
    await eventually(async () => (await listeners()) === 1);
    await edge.stop();
    expect(await socket.closed).toMatchObject({ code: 1012 });
    expect(await edge.metric('websocket_connections_active')).toBe(0);
  });

  test('brings the stock client back by itself, and what came meanwhile is delivered', async () => {
    await start();
    const { port } = edge;
    const log = edge.log;
    const token = await tokenFor('m-1');
    const kinds: unknown[] = [];
    const client = createClient({
      url: edge.url.replace('http', 'ws'),
      webSocketImpl: WebSocket,
      connectionParams: { token },
      retryAttempts: 100,
      retryWait: () => new Promise((resolve) => setTimeout(resolve, 50)),
    });
    client.subscribe<Fields>(
      { query: calls },
      { next: ({ data }) => void kinds.push(data?.['videoVisitEvents'].kind), error: () => {}, complete: () => {} },
    );
    await edge.append(eventOf('call.accepted'));
    await eventually(() => kinds.includes('ACCEPTED'));
    const { append } = edge;
    await edge.server.stop();
    await append(eventOf('call.ready'));
    const next = await startEdge({ port, log });
    await eventually(() => kinds.includes('READY'), { what: 'delivered after the restart' });
    await client.dispose();
    await next.server.stop();
    await next.delivery.close();
  });

  test('spreads its goodbyes, and says it to everybody', async () => {
    await start();
    const sockets = await Promise.all(Array.from({ length: 30 }, () => connected(edge)));
    await edge.stop();
    const codes = await Promise.all(sockets.map(async ({ closed }) => (await closed).code));
    expect(new Set(codes)).toEqual(new Set([1012]));
  });

  test('is over within 8 s although a client is dead', async () => {
    await start();
    const dead = await connected(edge);
    dead.socket.pause(); // reads nothing any more, so it never answers the close frame
    await edge.stop();
    dead.socket.terminate();
  }, 8_000);

  test('refuses new connections from its first moment', async () => {
    await start();
    await edge.stop();
    const client = createClient({ url: edge.url.replace('http', 'ws'), webSocketImpl: WebSocket, retryAttempts: 0 });
    await expect(client.iterate({ query: '{ __typename }' }).next()).rejects.toBeDefined();
    await client.dispose();
  });
});

/** A socket without a client library: what is sent is what the test says. */
async function raw({ url }: Edge, headers: Record<string, string> = {}) {
  const socket = new WebSocket(url.replace('http', 'ws'), 'graphql-transport-ws', { headers });
  // oxlint-disable-next-line typescript/no-explicit-any -- read as the test expects it
  const received: any[] = [];
  const waiting: (() => void)[] = [];
  socket.on('message', (data: Buffer) => {
    received.push(JSON.parse(data.toString()));
    waiting.shift()?.();
  });
  const closed = new Promise<{ code: number; reason: string }>((resolve) => {
    socket.on('close', (code, reason) => resolve({ code, reason: String(reason) }));
  });
  await new Promise((resolve, reject) => {
    socket.once('open', resolve);
    socket.once('error', reject);
  });
  return {
    socket,
    closed,
    /** What nobody has asked for yet. */
    received,
    send: (message: object) => socket.send(JSON.stringify(message)),
    // oxlint-disable-next-line typescript/no-explicit-any -- as above
    async next(): Promise<any> {
      if (received.length === 0) await Promise.race([new Promise<void>((resolve) => waiting.push(resolve)), closed]);
      if (received.length === 0) throw new Error(`closed: ${JSON.stringify(await closed)}`);
      return received.shift();
    },
    close: () => socket.close(),
  };
}

async function connected(edge: Edge) {
  const socket = await raw(edge);
  socket.send({ type: 'connection_init', payload: { token: await tokenFor('m-1') } });
  expect(await socket.next()).toEqual({ type: 'connection_ack' });
  return socket;
}
