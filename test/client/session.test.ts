import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { createTokenSource, lifeOf } from '../../src/client/token.ts';
import { platformOf } from '../../src/client/environment.ts';
import { tokenFor } from '../graphql/support.ts';
import { startWorld, type Device, type World } from './world.ts';

let world: World;
beforeEach(async () => {
  world = await startWorld();
});
afterEach(() => world.stop());

const state = (device: Device) => device.client.status.get().state;
const reach = (device: Device, wanted: string, withinMs = 60_000) => world.until(() => state(device) === wanted, wanted, withinMs);

describe('a token', () => {
  test('is asked for when it is needed, not before, and once for everything', async () => {
    const device = world.device();
    await world.pass(1_000);
    expect(device.tokens.asked).toBe(0);
    device.listen();
    device.client.videoVisitEvents({}, { onEvent: () => undefined });
    await reach(device, 'push');
    expect(device.tokens.asked).toBe(1);
  });

  test('is renewed on the open socket before it ends: ten of them, one connection, no gap', async () => {
    const device = world.device();
    device.tokens.ttlSeconds = 30;
    device.listen();
    await reach(device, 'push');
    for (let n = 0; n < 20; n++) {
      await world.send('call.ready', { callId: `call-${String(n)}` });
      await world.pass(12_000);
    }
    expect(device.handed).toHaveLength(20);
    expect(await world.metric('websocket_connections_total')).toBe(1);
    expect(device.tokens.asked).toBeGreaterThanOrEqual(8);
    expect(device.tokens.asked).toBeLessThanOrEqual(14);
  });

  test('that the server does not take is replaced, over the socket and over HTTP', async () => {
    let good = false;
    const token = () => (good ? tokenFor(world.member) : tokenFor(world.member, { forSeconds: -60 }));
    const device = world.device({ token });
    device.listen();
    await world.pass(5_000);
    expect(state(device)).not.toBe('push');
    good = true;
    await reach(device, 'push', 35_000);
    await world.send('call.join');
    await world.until(() => device.handed.length === 1, 'the event');
  });

  test('that cannot be had is asked for again and again, and the app is told', async () => {
    let asked = 0;
    const token = () => {
      asked++;
      if (asked < 5) throw new Error('not signed in yet');
      return tokenFor(world.member);
    };
    const device = world.device({ token });
    device.listen();
    await reach(device, 'push');
    expect(device.errors[0]).toMatchObject({ code: 'TOKEN', retry: 'backoff', cause: { message: 'not signed in yet' } });
  });

  test('that never comes is given up and asked for again', async () => {
    let asked = 0;
    const token = () => (asked++ === 0 ? new Promise<string>(() => undefined) : tokenFor(world.member));
    const device = world.device({ token });
    device.listen();
    await reach(device, 'push');
    expect(asked).toBe(2);
  });

  test('of another member is refused: cursors and acknowledgements are the first one’s', async () => {
    let member = world.member;
    const device = world.device({ token: () => tokenFor(member, { forSeconds: 30 }) });
    device.listen();
    await reach(device, 'push');
    member = 'm-2';
    await world.until(() => device.errors.some(({ code }) => code === 'TOKEN'), 'told', 60_000);
    await world.pass(60_000);
    expect(state(device)).not.toBe('push');
  });

  test('is renewed in time whatever the clock of the device says', async () => {
    for (const hours of [-30, 5]) {
      const device = world.device();
      device.skew(hours * 3_600_000);
      device.tokens.ttlSeconds = 60;
      device.listen();
      await reach(device, 'push');
      const before = await world.metric('websocket_connections_total');
      await world.pass(150_000);
      expect(await world.metric('websocket_connections_total')).toBe(before);
      expect(device.tokens.asked).toBeLessThanOrEqual(6);
      await device.leave();
    }
  });
});

const minute = 60_000;
test.each([
  ['half of its life is left', { iat: 0, exp: 120 }, minute, minute],
  ['it names no end', { iat: 0 }, minute, null],
  ['the device is far ahead', { iat: 0, exp: 120 }, 500 * minute, 2 * minute],
  ['the device is far behind', { iat: 30_000, exp: 30_120 }, 0, 2 * minute],
  ['it does not say when it was made', { exp: 120 }, minute, minute],
  ['it does not say when it was made and seems over', { exp: 120 }, 3 * minute, null],
])('how long a token holds: %s', (_name, claims, now, expected) => {
  expect(lifeOf(claims, now)).toBe(expected);
});

test.each(['', 'opaque', 'a.b.c', 'a.bnVsbA.c', '..'])('a token that is no JWT, “%s”, is used as it is', async (token) => {
  const source = createTokenSource(() => token, platformOf());
  expect(await source.get()).toBe(token);
  expect([source.member, source.renewAt]).toEqual([null, null]);
});
