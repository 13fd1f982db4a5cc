import { afterEach, describe, expect, test } from 'vitest';

import type { Delivery } from '../../src/delivery/delivery.ts';
import { type Asker, PullSource } from '../../src/delivery/pull.ts';
import { LifelineError } from '../../src/errors.ts';
import { eventually } from '../support/eventually.ts';
import { eventOf, startEdge, tokenFor, type Edge, type EdgeOptions } from './support.ts';

let edge: Edge;
const start = async (options?: EdgeOptions) => {
  edge = await startEdge(options);
  return edge;
};
afterEach(() => edge.stop());

const calls = 'subscription { videoVisitEvents { kind callId delivery { sequence replayed } } }';
const listeners = () => edge.metric('lifeline_listeners');
const subscriptions = () => edge.metric('lifeline_subscriptions_active');

describe('over Server-Sent Events', () => {
  test('pending events are replayed and live ones follow', async () => {
    await start();
    await edge.append(eventOf('call.accepted'));
    const stream = await edge.sse(calls, await tokenFor('m-1'));
    expect(stream).toMatchObject({ status: 200, contentType: 'text/event-stream' });
    expect(await stream.next()).toEqual({
      data: { videoVisitEvents: { kind: 'ACCEPTED', callId: 'call-9', delivery: { sequence: 1, replayed: true } } },
    });
    await edge.append(eventOf('call.ready'));
    expect(await stream.next()).toEqual({
      data: { videoVisitEvents: { kind: 'READY', callId: 'call-9', delivery: { sequence: 2, replayed: false } } },
    });
    stream.close();
  });

  test('a client that hangs up while an event is awaited leaves no listener', async () => {
    await start();
    const stream = await edge.sse(calls, await tokenFor('m-1'));
    await eventually(async () => (await listeners()) === 1, { what: 'listening' });
    stream.close();
    await eventually(async () => (await listeners()) === 0 && (await subscriptions()) === 0, { what: 'released' });
  });

  test('a client that leaves while its token is looked at opens nothing', async () => {
    let asked = () => {};
    let answer = () => {};
    const beingAsked = new Promise<void>((resolve) => void (asked = resolve));
    const answered = new Promise<void>((resolve) => void (answer = resolve));
    let subscribed = 0;
    await start({
      authenticate: async () => {
        asked();
        await answered;
        return { member: 'm-1', expiresAt: Date.now() + 60_000, accounts: null };
      },
      around: (delivery) => ({
        ...delivery,
        subscribe: (request) => {
          subscribed++;
          return delivery.subscribe(request);
        },
      }),
    });
    const openSockets = () => process.getActiveResourcesInfo().filter((kind) => kind === 'TCPSocketWrap').length;
    const before = openSockets();
    const leaving = new AbortController();
    const stream = edge.sse(calls, 'any', { signal: leaving.signal });
    await beingAsked;
    leaving.abort();
    await expect(stream).rejects.toThrow();
    await eventually(() => openSockets() <= before, { what: 'the server has seen it leave' });
    answer();
    // A whole round trip later the request that was left is over too.
    expect((await edge.post('{ session { memberId } }', { token: 'any' })).status).toBe(200);
    expect(subscribed).toBe(0);
  });

  test.each([
    ['no token', null],
    ['a bad token', 'not-a-token'],
  ])('%s is answered 401 with a GraphQL error in JSON', async (_case, token) => {
    await start();
    const response = await fetch(edge.url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'text/event-stream',
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify({ query: calls }),
    });
    expect(response.status).toBe(401);
    expect(await response.json()).toMatchObject({ errors: [{ extensions: { code: 'UNAUTHENTICATED', retry: 'after-refresh' } }] });
    expect(await edge.metric('websocket_auth_failures_total')).toBe(1);
  });

  test('an error of the request is a result of the stream, then it completes', async () => {
    await start();
    const token = await tokenFor('m-1');
    const invalid = await edge.sse('subscription { nonsense }', token);
    expect(await invalid.next()).toMatchObject({ errors: [{ extensions: { code: 'BAD_USER_INPUT', retry: 'never' } }] });
    expect(await invalid.next()).toBeNull();
    const foreign = await edge.sse('subscription { memberEvents(channel: "/member/m-2/**") { type } }', token);
    expect(await foreign.next()).toMatchObject({ errors: [{ extensions: { code: 'FORBIDDEN', retry: 'never' } }] });
    expect(await foreign.next()).toBeNull();
  });

  test('a stream that fails ends with a result that says why', async () => {
    await start({
      around: (delivery) => ({
        ...delivery,
        subscribe: () => new FailingStream(),
      }),
    });
    const stream = await edge.sse(calls, await tokenFor('m-1'));
    expect(await stream.next()).toMatchObject({
      data: null,
      errors: [{ path: ['videoVisitEvents'], extensions: { code: 'RESYNC_REQUIRED', retry: 'after-resync' } }],
    });
    expect(await stream.next()).toBeNull();
  });

  test('the stream ends UNAUTHENTICATED when its token has been expired for the grace', async () => {
    let skew = 0;
    const now = () => Date.now() + skew;
    await start({ now, authenticate: () => Promise.resolve({ member: 'm-1', expiresAt: Date.now() + 300, accounts: null }) });
    const stream = await edge.sse(calls, 'any');
    skew = 25_000; // the session's clock now stands at the end of the grace when its timer for the expiry comes
    expect(await stream.next()).toMatchObject({ errors: [{ extensions: { code: 'UNAUTHENTICATED', retry: 'after-refresh' } }] });
    expect(await stream.next()).toBeNull();
  });

  test('a subscription that is not asked for as an event stream is refused before it is opened', async () => {
    await start();
    for (const accept of ['application/json', 'multipart/mixed;boundary=graphql;subscriptionSpec=1.0,application/json']) {
      const { status, errors } = await edge.post(calls, { token: await tokenFor('m-1'), headers: { accept } });
      expect(status).toBe(406);
      expect(errors).toMatchObject([
        { message: expect.stringContaining('text/event-stream'), extensions: { code: 'BAD_USER_INPUT' } },
      ]);
    }
    expect(await listeners()).toBe(0);
  });

  test('a stop ends the stream with UNAVAILABLE and back-off, not as if all were told', async () => {
    await start();
    const stream = await edge.sse(calls, await tokenFor('m-1'));
    await eventually(async () => (await listeners()) === 1);
    const stopped = edge.stop();
    expect(await stream.next()).toMatchObject({ errors: [{ extensions: { code: 'UNAVAILABLE', retry: 'backoff' } }] });
    expect(await stream.next()).toBeNull();
    await stopped;
  });
});

class FailingStream extends PullSource<Delivery> {
  take(): undefined {}

  more(asker: Asker): void {
    queueMicrotask(() => asker.answer({ failure: new LifelineError('RESYNC_REQUIRED') }));
  }

  close(): void {}
}
