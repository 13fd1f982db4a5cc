import { afterEach, expect, test } from 'vitest';
import { WebSocket } from 'ws';

import { eventually } from '../support/eventually.ts';
import { startEdge, tokenFor, type Edge } from './support.ts';

let edge: Edge;
afterEach(() => edge.stop());

test('a live peer is pinged within 12 s and stays; a dead one is gone within 30 s, with everything it held', async () => {
  edge = await startEdge();
  const open = async () => {
    const init = JSON.stringify({ type: 'connection_init', payload: { token: await tokenFor('m-1') } });
    const socket = new WebSocket(edge.url.replace('http', 'ws'), 'graphql-transport-ws');
    socket.on('open', () => socket.send(init));
    await new Promise((resolve) => socket.once('message', resolve));
    socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload: { query: 'subscription { videoVisitEvents { kind } }' } }));
    return socket;
  };
  const live = await open();
  const dead = await open();
  await eventually(async () => (await edge.metric('lifeline_subscriptions_active')) === 2);
  let pings = 0;
  live.on('ping', () => pings++);
  dead.pause(); // its TCP connection stands, but nobody answers any more
  await eventually(() => pings > 0, { withinMs: 12_000, what: 'the first ping' });
  await eventually(async () => (await edge.metric('websocket_connections_active')) === 1, {
    withinMs: 30_000,
    what: 'the dead one gone',
  });
  await eventually(async () => (await edge.metric('lifeline_subscriptions_active')) === 1);
  expect(live.readyState).toBe(WebSocket.OPEN);
  expect(pings).toBeGreaterThan(1);
  live.terminate();
  dead.terminate();
});
