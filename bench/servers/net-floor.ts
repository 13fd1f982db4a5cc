/** Sockets and nothing else, after a handshake that makes the load client content: the memory that every Node server pays. */
import { createHash } from 'node:crypto';
import { createServer, type Socket } from 'node:net';

import { listenOn } from './http.ts';
import { serve } from './server.ts';

const magic = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'; // RFC 6455 section 4.2.2
const sockets = new Set<Socket>();

const server = createServer((socket) => {
  socket.on('error', () => undefined); // a client that goes is no news
  socket.once('data', (head) => {
    const key = /sec-websocket-key: (\S+)/i.exec(String(head))?.[1] ?? '';
    const accept = createHash('sha1').update(`${key}${magic}`).digest('base64');
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    );
    socket.resume();
  });
  sockets.add(socket);
  socket.once('close', () => sockets.delete(socket));
});

serve({
  listen: async () => ({ port: await listenOn(server), path: '/', subprotocol: '' }),
  subscriptions: () => sockets.size,
  async close() {
    for (const socket of sockets) socket.destroy();
    server.close();
  },
});
