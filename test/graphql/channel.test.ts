import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';

import { buildSchema, parse } from 'graphql';
import { afterEach, expect, test, vi } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';

import { Channel } from '../../src/graphql/channel.ts';
import { createTurns } from '../../src/graphql/turns.ts';
import { createMetrics } from '../../src/operations/metrics.ts';

const cleanUps: (() => void)[] = [];
afterEach(() => {
  for (const cleanUp of cleanUps.splice(0)) cleanUp();
});

/** A channel, and the client at its other end. */
async function connect() {
  const server = createServer().listen(0, '127.0.0.1');
  cleanUps.push(() => server.close());
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('No port was given.');
  const opened = new Promise<[WebSocket, IncomingMessage]>((resolve) => {
    new WebSocketServer({ server }).once('connection', (socket, request) => resolve([socket, request]));
  });
  const client = new WebSocket(`ws://127.0.0.1:${address.port}`);
  cleanUps.push(() => client.terminate());
  await once(client, 'open');
  const [socket, request] = await opened;
  return { client, channel: new Channel(socket, request.socket, createMetrics()) };
}

test('a query that waits for a client to take its events runs once it has taken them, though nothing else is sent', async () => {
  const { client, channel } = await connect();
  client.pause();
  const event = 'x'.repeat(64 * 1024);
  while (channel.hasRoom) void channel.push(event, event.length);
  const execute = vi.fn(async () => ({ data: { it: 'ran' } }));
  channel.turns = createTurns({ execute, hasRoom: () => channel.hasRoom });
  const answer = channel.turns.execute({ schema: buildSchema('type Query { it: String }'), document: parse('{ it }') });
  expect(execute).not.toHaveBeenCalled();
  client.resume();
  expect(await answer).toEqual({ data: { it: 'ran' } });
});
