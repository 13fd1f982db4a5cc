import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Socket } from 'node:net';

import { afterEach, expect, test } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';

import { flushed, frameOf } from '../../src/graphql/frame.ts';

const cleanUps: (() => void)[] = [];
afterEach(() => {
  for (const cleanUp of cleanUps.splice(0)) cleanUp();
});

test('a text of any length and script arrives as it was, between what ws itself sends', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  cleanUps.push(() => server.close());
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('No port was given.');
  const webSockets = new WebSocketServer({ server });
  const opened = once(webSockets, 'connection');
  const client = new WebSocket(`ws://127.0.0.1:${address.port}`);
  cleanUps.push(() => client.terminate());
  const received: string[] = [];
  client.on('message', (data: Buffer) => received.push(data.toString()));
  const [socket, { socket: transport }] = (await opened) as [WebSocket, { socket: Socket }];

  const lengths = [0, 1, 125, 126, 127, 65_535, 65_536, 300_000];
  const texts = lengths.flatMap((length) => ['x'.repeat(length), 'é'.repeat(length), '🩺'.repeat(Math.floor(length / 2))]);
  for (const [index, text] of texts.entries()) {
    transport.write(frameOf(text, Buffer.byteLength(text)), 'latin1');
    if (index % 5 === 0) socket.send(`ws ${index}`);
  }
  await flushed(transport);
  const expected = texts.flatMap((text, index) => (index % 5 === 0 ? [text, `ws ${index}`] : [text]));
  await expect.poll(() => received.length).toBe(expected.length);
  expect(received).toEqual(expected);
});
