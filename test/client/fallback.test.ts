import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { startWorld, type Device, type World } from './world.ts';

let world: World;
beforeEach(async () => {
  world = await startWorld();
});
afterEach(() => world.stop());

const state = (device: Device) => device.client.status.get().state;
const reach = (device: Device, wanted: string, withinMs = 60_000) => world.until(() => state(device) === wanted, wanted, withinMs);
const polls = (since: number) =>
  world.requests.filter(({ at, text }) => at >= since && text.includes('query PollMemberEvents')).map(({ at }) => at);

test('without push, a call that has ended is not asked for any more', async () => {
  const device = world.device({ transports: ['POLLING'] });
  const ended: string[] = [];
  const callId = (await world.send('call.accepted')).channel.split('/').at(-1) ?? '';
  const stream = device.client.videoVisitEvents({ callId }, { onEvent: ({ kind }) => void ended.push(kind) });
  const asked = () => world.requests.filter(({ text }) => text.includes('query PollVideoVisitEvents')).length;
  await world.send('call.join');
  await world.until(() => ended.includes('JOIN'), 'the call', 30_000);
  await world.send('call.ended');
  await world.until(() => ended.includes('ENDED'), 'its end', 30_000);
  await world.until(async () => (await world.pending()) === 0, 'acknowledged');
  const before = asked();
  await world.pass(120_000);
  expect(asked() - before).toBeLessThanOrEqual(1); // the one that was under way
  stream.close();
});

describe('when push breaks off', () => {
  test('the client comes back by itself and goes on with its newest cursor', async () => {
    const device = world.device();
    device.listen();
    await reach(device, 'push');
    await world.send('call.accepted');
    await world.until(() => device.count('acknowledged') === 1, 'the first');
    world.proxy.set({ do: 'reset' });
    await reach(device, 'degraded');
    await world.send('call.ready');
    world.backToLifeline();
    await reach(device, 'push', 5_000);
    await world.until(() => device.handed.length === 2, 'the one from in between');
    expect(device.handed.map(({ sequence, path }) => [sequence, path])).toEqual([
      [1, 'push'],
      [2, 'push'],
    ]);
    expect(device.count('repeated')).toBe(0); // the original cursor, re-sent, would bring the first one again
  });

  test('a restarted server is come back to', async () => {
    const device = world.device();
    device.listen();
    await reach(device, 'push');
    await world.restart({ awayMs: 5_000 });
    expect(await reach(device, 'push')).toBeLessThanOrEqual(5_000);
    await world.send('call.join');
    await world.until(() => device.handed.length === 1, 'the event');
  });

  test('a server that has forgotten everything is asked anew, and what is new is handed over', async () => {
    const device = world.device();
    device.listen();
    await reach(device, 'push');
    await world.send('call.accepted');
    await world.until(() => device.handed.length === 1, 'the first');
    await world.restart({ forget: true });
    await world.send('call.ready');
    await world.until(() => device.handed.length === 2, 'the one of the new log');
    await world.send('call.join');
    await world.until(() => device.handed.length === 3, 'one more, pushed');
    expect(device.handed.map(({ type }) => type)).toEqual(['call.accepted', 'call.ready', 'call.join']);
    expect(polls(0).length).toBeGreaterThanOrEqual(1);
  });

  // Away for long enough, it is asked by query and by push at the same time, and both are refused.
  test.each([1_000, 8_000])(
    'a server that has changed its secret within %i ms does not end the stream: our own cursor is let go',
    async (awayMs) => {
      const device = world.device();
      device.listen();
      await reach(device, 'push');
      await world.send('call.accepted');
      await world.until(() => device.handed.length === 1, 'the first');
      await world.restart({ awayMs, cursorSecret: 'another secret of the tests, long enough to sign cursors' });
      await world.send('call.ready');
      await world.until(() => device.handed.length === 2, 'the next');
    },
  );

  test('three failed tries start polling, which backs off and returns to its base with an event', async () => {
    const device = world.device({ transports: ['WEBSOCKET'], platform: { WebSocket: brokenWebSocket } });
    device.listen();
    await reach(device, 'poll');
    expect(device.client.status.get()).toMatchObject({ transport: 'POLLING', attempt: 3 });
    const since = Date.now();
    await world.pass(60_000);
    // 0 2 5 9.5 16.25 26.4 41.6 s, each a little late for the answer's time
    expect(gaps(polls(since))).toEqual([2, 3, 4.5, 6.75, 10.1, 15.2].map((seconds) => expect.closeTo(seconds, 0)));
    await world.send('call.accepted');
    await world.until(() => device.handed.length === 1, 'the event', 30_000);
    const found = Date.now();
    await world.pass(12_000);
    expect(gaps([found, ...polls(found)])).toEqual([2, 3, 4.5].map((seconds) => expect.closeTo(seconds, 0)));
    expect(device.handed).toMatchObject([{ path: 'poll' }]);
  });

  test('the end of a call ends its polling but for the slowest look', async () => {
    const device = world.device({ transports: ['POLLING'] });
    device.listen();
    await world.send('call.accepted');
    await world.send('call.ended');
    await world.until(() => device.handed.length === 2, 'the end');
    const since = Date.now();
    await world.pass(29_000);
    expect(polls(since)).toHaveLength(0);
    expect(world.requests.filter(({ text }) => text.includes('query AskVideoVisit'))).toHaveLength(1); // verified once
    await world.send('call.accepted', { callId: 'the next call' });
    await world.until(() => device.handed.length === 3, 'the next call', 5_000);
  });

  test('push and poll at once hand over nothing twice and nothing out of order', async () => {
    const device = world.device();
    device.listen();
    await reach(device, 'push');
    for (let round = 0; round < 30; round++) {
      await world.send('call.ready', { callId: `call-${String(round)}` });
      device.client.wake(); // asks, while the event is on its way by push
      await world.pass(round % 3 === 0 ? 50 : 0);
      if (round % 5 === 0) world.proxy.set({ do: 'reset' });
      if (round % 5 === 0) world.backToLifeline();
    }
    await world.until(() => device.handed.length >= 30, 'all');
    await world.pass(15_000);
    expect(device.handed.map(({ sequence }) => sequence)).toEqual(Array.from({ length: 30 }, (_, index) => index + 1));
    expect(device.count('repeated')).toBeGreaterThan(0);
    expect(new Set(device.handed.map(({ path }) => path))).toEqual(new Set(['push', 'poll']));
  });
});

describe('while push works', () => {
  test('what is outstanding is asked for 4 s after the last sign of life, and no more once it ended', async () => {
    const device = world.device();
    device.listen();
    await reach(device, 'push');
    await world.send('call.accepted');
    await world.until(() => device.handed.length === 1, 'the event');
    const since = Date.now();
    await world.until(() => polls(since).length === 1, 'the safety poll');
    expect(Date.now() - since).toBeGreaterThanOrEqual(3_900);
    expect(Date.now() - since).toBeLessThanOrEqual(4_500);
    await world.send('call.ended');
    await world.until(() => device.handed.length === 2, 'the end');
    const ended = Date.now();
    await world.pass(60_000);
    expect(polls(ended)).toHaveLength(0);
  });

  test('each event puts the safety poll off', async () => {
    const device = world.device();
    device.listen();
    await reach(device, 'push');
    const since = Date.now();
    for (let n = 0; n < 10; n++) {
      await world.send('call.ready', { callId: `call-${String(n)}` });
      await world.pass(3_000);
    }
    expect(polls(since)).toHaveLength(0);
  });

  test('a stream with nothing outstanding is not asked about at all', async () => {
    const device = world.device();
    device.listen();
    await reach(device, 'push');
    const since = Date.now();
    await world.pass(120_000);
    expect(polls(since)).toHaveLength(0);
  });

  test('a socket that is dead without a word is noticed within 35 s, and events come by the next one', async () => {
    const device = world.device();
    device.listen();
    await reach(device, 'push');
    world.proxy.set({ do: 'half-open' });
    const since = Date.now();
    await reach(device, 'degraded', 35_000);
    expect(Date.now() - since).toBeLessThanOrEqual(35_000);
    await world.send('call.join');
    world.backToLifeline();
    expect(await reach(device, 'push', 5_000)).toBeLessThanOrEqual(5_000);
    await world.until(() => device.handed.length === 1, 'the event');
  });

  test('a dead socket is noticed at once where something is outstanding and the rest of the network works', async () => {
    const device = world.device();
    device.listen();
    await reach(device, 'push');
    await world.send('call.accepted');
    await world.until(() => device.handed.length === 1, 'the first');
    world.proxy.set({ do: 'half-open' });
    await world.send('call.ready');
    await world.pass(100);
    world.proxy.set({ do: 'pass' }); // what was on its way is lost; the socket itself is not cut, and new ones pass
    await world.until(() => device.handed.length === 2, 'the second, by the safety poll', 9_000);
  });
});

test('a subscription that is dead on a connection that lives is noticed by what the queries find, and opened again', async () => {
  const subscriptions: string[] = [];
  /** What the first subscription brings is swallowed; everything else passes. */
  const deaf = class extends WebSocket {
    override send(data: string) {
      const { id, type, payload } = JSON.parse(data) as { id: string; type: string; payload: { query: string } }; // the protocol's
      if (type === 'subscribe' && payload.query.includes('PushMemberEvents')) subscriptions.push(id);
      super.send(data);
    }
    override set onmessage(handler: ((event: MessageEvent<string>) => void) | null) {
      this.addEventListener('message', (event: MessageEvent<string>) => {
        if (!event.data.includes('"next"') || !event.data.includes(String(subscriptions[0]))) handler?.(event);
      });
    }
  };
  const device = world.device({ platform: { WebSocket: deaf } });
  device.listen();
  await reach(device, 'push');
  for (const round of [1, 2]) {
    await world.send('call.ready', { callId: `call-${String(round)}` });
    device.client.wake();
    await world.until(() => device.handed.length === round, 'found by a query');
  }
  await world.until(() => subscriptions.length === 2, 'subscribed again');
  await world.pass(500);
  await world.send('call.join');
  await world.until(() => device.handed.length === 3, 'pushed', 3_000);
  expect(device.handed.map(({ path }) => path)).toEqual(['poll', 'poll', 'push']);
});

describe('what the device says', () => {
  test('offline stops everything, and online is back at once', async () => {
    const device = world.device();
    device.listen();
    await reach(device, 'push');
    device.tell('offline');
    expect(state(device)).toBe('offline');
    world.proxy.set({ do: 'refuse' });
    const since = Date.now();
    await world.pass(25_000);
    expect(world.requests.filter(({ at }) => at >= since)).toHaveLength(0);
    await world.send('call.join');
    world.backToLifeline();
    device.tell('online');
    expect(await reach(device, 'push', 5_000)).toBeLessThanOrEqual(1_000);
    await world.until(() => device.handed.length === 1, 'the event');
  });

  test('a device that is wrong about being offline is not believed for ever', async () => {
    const device = world.device();
    device.tell('offline');
    device.listen();
    expect(state(device)).toBe('offline');
    await world.send('call.join');
    await world.until(() => device.handed.length === 1, 'the event', 35_000);
  });

  test('hidden for 30 s it rests; seen again it asks once and is pushed to', async () => {
    const device = world.device();
    device.listen();
    await reach(device, 'push');
    device.tell('hidden');
    await world.pass(29_000);
    expect(state(device)).toBe('push');
    await world.pass(2_000);
    expect(state(device)).toBe('background');
    await world.until(async () => (await world.metric('websocket_connections_active')) === 0, 'no socket');
    await world.send('call.join');
    const since = Date.now();
    await world.pass(120_000);
    expect(world.requests.filter(({ at }) => at >= since)).toHaveLength(0);
    device.tell('visible');
    await reach(device, 'push', 2_000);
    await world.until(() => device.handed.length === 1, 'the event');
    await world.pass(3_000);
    expect(polls(since)).toHaveLength(1);
  });

  test('a device that slept while its server went on is not taken for dead, and catches up', async () => {
    const device = world.device();
    device.listen();
    await reach(device, 'push');
    device.sleep();
    await world.pass(120_000);
    await world.send('call.join');
    device.awake();
    await world.until(() => device.handed.length === 1, 'the event', 20_000);
    expect(await world.metric('websocket_connections_total')).toBe(1);
  });

  test('a captive portal is no success, and signing in brings everything', async () => {
    await world.captivePortal();
    const device = world.device();
    device.listen();
    await world.send('call.join');
    await reach(device, 'poll');
    await world.pass(30_000);
    expect(device.handed).toHaveLength(0);
    expect(device.errors[0]).toMatchObject({ code: 'NETWORK', retry: 'backoff' });
    world.backToLifeline();
    device.tell('online');
    await world.until(() => device.handed.length === 1, 'the event', 5_000);
    await reach(device, 'push', 5_000);
  });

  test('closing while connecting ends everything', async () => {
    world.proxy.set({ do: 'blackhole' });
    const device = world.device();
    const stream = device.listen();
    await world.pass(500);
    await device.leave();
    await stream.closed;
    world.backToLifeline();
    const asked = world.requests.length;
    await world.pass(60_000);
    expect(world.requests).toHaveLength(asked);
    expect(await world.metric('websocket_connections_active')).toBe(0);
    expect(() => device.listen()).toThrow('closed');
  });
});

const gaps = (times: readonly number[]) => times.slice(1).map((time, index) => (time - (times[index] ?? 0)) / 1_000);

/** A network on which no WebSocket opens, as behind many a company's proxy. */
const brokenWebSocket = class extends WebSocket {
  constructor() {
    super('ws://127.0.0.1:9', 'graphql-transport-ws'); // the discard port: refused
  }
};
