import { afterEach, beforeEach, expect, test } from 'vitest';

import { startWorld, type Device, type World } from './world.ts';

let world: World;
beforeEach(async () => {
  world = await startWorld();
});
afterEach(() => world.stop());

const status = (device: Device) => device.client.status.get();
const reach = (device: Device, wanted: string, withinMs = 60_000) =>
  world.until(() => status(device).state === wanted, wanted, withinMs);

test.each([
  ['opens', () => noWebSocket],
  ['may even be made', () => forbiddenWebSocket],
  ['exists', () => undefined as unknown as typeof WebSocket], // as in an old React Native or Node
])('where no WebSocket %s, events are pushed over an event stream', async (_how, make) => {
  const device = world.device({ platform: { WebSocket: make() } });
  device.listen();
  await world.until(() => status(device).transport === 'SSE', 'an event stream', 20_000);
  await world.send('call.accepted');
  await world.until(() => device.handed.length === 1, 'the event');
  await world.until(async () => (await world.pending()) === 0, 'acknowledged');
  expect(device.handed).toMatchObject([{ path: 'push' }]);
});

test('an event stream that is cut goes on with its newest cursor', async () => {
  const device = world.device({ transports: ['SSE'] });
  device.listen();
  await reach(device, 'push');
  await world.send('call.accepted');
  await world.until(() => device.count('acknowledged') === 1, 'the first');
  world.proxy.set({ do: 'reset' });
  await reach(device, 'degraded');
  await world.send('call.ready');
  world.backToLifeline();
  await reach(device, 'push', 5_000);
  await world.until(() => device.handed.length === 2, 'the second');
  expect(device.count('repeated')).toBe(0);
});

test('a proxy that holds the stream back is seen, and events are asked for', async () => {
  const device = world.device({ transports: ['SSE', 'POLLING'], platform: { fetch: withoutStreams } });
  device.listen();
  await reach(device, 'poll', 40_000);
  await world.send('call.join');
  await world.until(() => device.handed.length === 1, 'the event', 35_000);
  expect(device.handed).toMatchObject([{ path: 'poll' }]);
});

test('an event stream that falls silent is given up', async () => {
  const device = world.device({ transports: ['SSE'] });
  device.listen();
  await reach(device, 'push');
  world.proxy.set({ do: 'half-open' });
  await reach(device, 'degraded', 35_000);
});

test('a token that ends is followed by a stream under the next one, without a gap', async () => {
  const device = world.device({ transports: ['SSE'] });
  device.tokens.ttlSeconds = 30;
  device.listen();
  await reach(device, 'push');
  for (let n = 0; n < 10; n++) {
    await world.send('call.ready', { callId: `call-${String(n)}` });
    await world.pass(10_000);
  }
  await world.until(() => device.handed.length === 10, 'all of them');
  expect(device.handed.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
});

test('a stream that is closed leaves no subscription', async () => {
  const device = world.device({ transports: ['SSE'] });
  const stream = device.listen();
  await reach(device, 'push');
  stream.close();
  await world.until(async () => (await world.metric('lifeline_subscriptions_active')) === 0, 'none');
  await reach(device, 'idle');
});

/** A network on which no WebSocket opens, as behind many a company's proxy. */
const noWebSocket = class extends WebSocket {
  constructor() {
    super('ws://127.0.0.1:9', 'graphql-transport-ws'); // the discard port: refused
  }
};

const forbiddenWebSocket = class extends WebSocket {
  constructor() {
    super('no address at all');
  }
};

/** A proxy that wants to see the whole of an answer before it passes any of it on. */
const withoutStreams: typeof fetch = (input, init) => {
  const accepted = new Headers(init?.headers).get('accept') ?? '';
  if (!accepted.includes('event-stream')) return fetch(input, init);
  return new Promise((_resolve, reject) => {
    init?.signal?.addEventListener('abort', () => reject(new Error('aborted')), { once: true });
  });
};
