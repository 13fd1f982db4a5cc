import { once } from 'node:events';
import { createServer } from 'node:net';

import { expect, it } from 'vitest';

import { socketFactory } from '../../src/bridge/kafkajs.ts';

it('a connection that failed gathers no listeners, however often it is let go of', async () => {
  const server = createServer((socket) => socket.destroy());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const socket = socketFactory({ host: '127.0.0.1', port, ssl: {}, onConnect: () => undefined });
  socket.on('error', () => undefined); // it speaks TLS to somebody who hangs up
  await new Promise((resolve) => socket.once('close', resolve));
  const before = socket.listenerCount('connect');
  for (let time = 0; time < 20; time++) socket.unref();
  expect(socket.listenerCount('connect')).toBe(before);
  server.close();
  await once(server, 'close');
});
