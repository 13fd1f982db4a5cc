import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { memoryStorage, type Storage } from '../../src/client/index.ts';
import { startWorld, type World } from './world.ts';

let world: World;
beforeEach(async () => {
  world = await startWorld();
});
afterEach(() => world.stop());

const pushed = (device: { client: { status: { get(): { state: string } } } }) =>
  world.until(() => device.client.status.get().state === 'push', 'push');

describe('an app that is connected', () => {
  test('gets each event once, in order, and the server hears that it was handled', async () => {
    await world.send('call.accepted');
    const device = world.device();
    device.listen();
    await pushed(device);
    await world.send('call.ready');
    await world.send('call.join');
    await world.until(() => device.handed.length === 3, 'three events');
    await world.until(async () => (await world.pending()) === 0, 'acknowledged');
    await world.pass(40_000); // copies of what is not acknowledged would come in this time
    expect(device.handed.map(({ sequence }) => sequence)).toEqual([1, 2, 3]);
    expect(device.count('repeated')).toBe(0);
  });

  test('acknowledges a burst in one request', async () => {
    for (let n = 0; n < 20; n++) await world.send('call.ready', { callId: `call-${String(n)}` });
    const device = world.device({ transports: ['POLLING'] });
    device.listen();
    await world.until(() => device.count('acknowledged') === 20, 'acknowledged');
    expect(world.requests.filter(({ text }) => text.includes('acknowledgeDeliveries'))).toHaveLength(1);
  });

  test('keeps an event whose handler throws, tells it so, and hands it over again', async () => {
    let attempts = 0;
    const device = world.device({
      handle: () => {
        attempts++;
        if (attempts === 1) throw new Error('the app is broken');
      },
    });
    device.listen();
    await pushed(device);
    await world.send('rte.completed');
    await world.until(() => attempts === 1, 'the first try');
    await world.pass(1_000);
    expect(await world.pending()).toBe(1);
    expect(device.errors).toMatchObject([{ code: 'HANDLER', retry: 'backoff', cause: { message: 'the app is broken' } }]);
    await world.until(() => attempts === 2, 'the second try');
    await world.until(async () => (await world.pending()) === 0, 'acknowledged');
  });

  test('a handler that never settles holds up its own stream and nothing else', async () => {
    const device = world.device({ handle: () => new Promise(() => undefined) });
    device.listen();
    const others: string[] = [];
    device.client.videoVisitEvents({}, { onEvent: (event) => others.push(event.kind) });
    await pushed(device);
    await world.send('call.accepted');
    await world.send('call.ready');
    await world.until(() => others.length === 2, 'the other stream');
    await world.pass(60_000);
    expect(device.handed).toHaveLength(1);
    expect(others).toEqual(['ACCEPTED', 'READY']);
  });

  test('two listeners to the same thing share one subscription, and both get everything', async () => {
    const device = world.device();
    const first: string[] = [];
    const second: string[] = [];
    const one = device.client.videoVisitEvents({}, { onEvent: (event) => first.push(event.kind) });
    device.client.videoVisitEvents({}, { onEvent: (event) => second.push(event.kind) });
    await pushed(device);
    await world.until(async () => (await world.metric('lifeline_subscriptions_active')) === 1, 'one subscription');
    await world.send('call.accepted');
    await world.until(() => first.length === 1 && second.length === 1, 'both');
    one.close();
    await world.send('call.ready');
    await world.until(() => second.length === 2, 'the one that stayed');
    expect(first).toEqual(['ACCEPTED']);
  });

  test('hundreds of streams that come and go leave one socket, no subscription, and in the end no socket', async () => {
    const device = world.device();
    for (let n = 0; n < 100; n++) device.client.videoVisitEvents({}, { onEvent: () => undefined }).close();
    const abort = new AbortController();
    for (let n = 0; n < 100; n++) {
      const { signal } = abort;
      device.client.videoVisitEvents({ callId: `call-${String(n % 10)}` }, { signal, onEvent: () => undefined });
    }
    await pushed(device);
    await world.until(async () => (await world.metric('lifeline_subscriptions_active')) === 10, 'ten subscriptions');
    expect(await world.metric('websocket_connections_total')).toBe(1);
    abort.abort();
    await world.until(async () => (await world.metric('lifeline_subscriptions_active')) === 0, 'none');
    await world.until(async () => (await world.metric('websocket_connections_active')) === 0, 'no socket');
    expect(device.client.status.get()).toMatchObject({ state: 'idle', transport: null, nextPollAt: null });
  });

  test('a signal that is aborted before the start opens nothing', async () => {
    const device = world.device();
    const stream = device.client.videoVisitEvents({}, { signal: AbortSignal.abort(), onEvent: () => undefined });
    await stream.closed;
    await world.pass(2_000);
    expect(await world.metric('websocket_connections_total')).toBe(0);
    expect(device.tokens.asked).toBe(0);
  });

  test('acknowledging by hand leaves the event pending until the app says so', async () => {
    const device = world.device();
    const ids: string[] = [];
    device.client.videoVisitEvents({}, { acknowledge: 'manual', onEvent: (_event, { id }) => ids.push(id) });
    await world.send('call.join');
    await world.until(() => ids.length === 1, 'the event');
    await world.pass(40_000);
    expect(await world.pending()).toBe(1);
    expect(ids).toHaveLength(1); // its copies were dropped
    expect(device.count('repeated')).toBeGreaterThanOrEqual(2);
    await world.during(device.client.acknowledge(ids));
    expect(await world.pending()).toBe(0);
  });

  test('a loop gets every event, and asking for the next one acknowledges the last', async () => {
    const device = world.device();
    const kinds: string[] = [];
    const loop = (async () => {
      for await (const event of device.client.videoVisitEvents()) {
        kinds.push(event.kind);
        if (event.kind === 'ENDED') break;
      }
    })();
    for (const type of ['call.accepted', 'call.ready', 'call.ended'] as const) await world.send(type);
    await world.during(loop);
    expect(kinds).toEqual(['ACCEPTED', 'READY', 'ENDED']);
    // The loop that was left may as well have thrown: its last event is due to whoever comes next.
    await world.pass(1_000);
    expect(await world.pending()).toBe(1);
    const again: string[] = [];
    device.client.videoVisitEvents({}, { onEvent: (event) => again.push(event.kind) });
    await world.until(async () => (await world.pending()) === 0, 'acknowledged');
    expect(again).toEqual(['ENDED']);
  });

  test('a handler at work when its stream is closed still counts, and a stream opened meanwhile does not get the event again', async () => {
    let finish = () => {};
    const working = new Promise<void>((resolve) => (finish = resolve));
    const device = world.device({ handle: () => working });
    const stream = device.listen();
    await world.send('call.join');
    await world.until(() => device.handed.length === 1, 'the handler');
    stream.close();
    device.listen();
    await world.pass(12_000);
    finish();
    await world.until(async () => (await world.pending()) === 0, 'acknowledged');
    await world.pass(12_000);
    expect(device.handed).toHaveLength(1);
  });

  test('two different streams that match the same event both get it', async () => {
    const device = world.device();
    device.listen();
    const updates: string[] = [];
    device.client.coverageUpdates({ accountId: 'A123' }, { onEvent: ({ status }) => updates.push(status) });
    await pushed(device);
    await world.send('rte.completed');
    await world.until(() => updates.length === 1 && device.handed.length === 1, 'both');
    await world.until(async () => (await world.pending()) === 0, 'acknowledged');
  });

  test('progress is handed over too, and asks for no acknowledgement', async () => {
    const device = world.device();
    const percents: (number | null)[] = [];
    device.client.coverageUpdates({ accountId: 'A123' }, { onEvent: ({ percent }) => percents.push(percent) });
    // Progress is for who is listening: it is not replayed.
    await world.until(async () => (await world.metric('lifeline_subscriptions_active')) === 1, 'listening');
    await world.pass(500);
    await world.send('rte.progress', { percent: 10 });
    await world.until(() => percents.length === 1, 'progress');
    await world.pass(200);
    expect(percents).toEqual([10]);
    expect(device.count('acknowledged')).toBe(0);
  });
});

test('who waits for an acknowledgement is told when the client is closed before it is answered', async () => {
  const device = world.device();
  device.listen();
  await pushed(device);
  world.proxy.set({ do: 'blackhole' });
  const waiting = device.client.acknowledge(['some-id']).catch((error: unknown) => error);
  await world.pass(500);
  await device.leave();
  expect(await waiting).toMatchObject({ code: 'CLOSED' });
  await expect(device.client.acknowledge(['some-id'])).rejects.toMatchObject({ code: 'CLOSED' });
});

describe('what outlives a page', () => {
  test('after a reload nothing is shown again, though its acknowledgement never left', async () => {
    const storage = memoryStorage();
    let cut = false;
    const before = world.device({
      storage,
      handle: () => {
        if (!cut) world.proxy.set({ do: 'blackhole' });
        cut = true;
      },
    });
    before.listen();
    await world.send('call.join');
    await world.until(() => before.handed.length === 1, 'the event');
    await world.pass(1_000); // the acknowledgement is sent, and does not arrive
    await before.leave();
    expect(await world.pending()).toBe(1);
    world.proxy.set({ do: 'refuse' });
    world.backToLifeline();
    const after = world.device({ storage });
    after.listen();
    await world.until(async () => (await world.pending()) === 0, 'acknowledged by the next page');
    expect(after.handed).toHaveLength(0);
  });

  test('an event that a reload interrupts is shown again', async () => {
    const storage = memoryStorage();
    const before = world.device({ storage, handle: () => new Promise(() => undefined) });
    before.listen();
    await world.send('call.join');
    await world.until(() => before.handed.length === 1, 'the event');
    await before.leave();
    const after = world.device({ storage });
    after.listen();
    await world.until(() => after.handed.length === 1, 'the event again');
  });

  test.each<[string, Storage]>([
    ['throws', { get: () => fail(), set: () => fail() }],
    ['rejects', { get: () => Promise.reject(new Error('no')), set: () => Promise.reject(new Error('no')) }],
    ['never answers', { get: () => new Promise(() => undefined), set: () => new Promise(() => undefined) }],
    ['holds rubbish', { get: () => '{"not":"ours"', set: () => undefined }],
  ])('a storage that %s costs a repeat after a reload at most', async (_how, storage) => {
    const device = world.device({ storage });
    device.listen();
    await world.send('call.join');
    await world.until(() => device.handed.length === 1, 'the event');
    await world.until(async () => (await world.pending()) === 0, 'acknowledged');
  });

  test('two tabs with one storage both show everything, each once', async () => {
    const storage = memoryStorage();
    const tabs = [world.device({ storage }), world.device({ storage })];
    for (const tab of tabs) tab.listen();
    for (const tab of tabs) await pushed(tab);
    for (const type of ['call.accepted', 'call.ready', 'call.ended'] as const) await world.send(type);
    await world.until(() => tabs.every(({ handed }) => handed.length === 3), 'both tabs');
    await world.pass(15_000);
    for (const { handed } of tabs) expect(handed.map(({ sequence }) => sequence)).toEqual([1, 2, 3]);
  });
});

function fail(): never {
  throw new Error('storage is forbidden here');
}
