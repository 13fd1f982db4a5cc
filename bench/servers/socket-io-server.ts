import { createServer } from 'node:http';

import { Server, type ServerOptions } from 'socket.io';

import { listenOn } from './http.ts';
import type { BenchServer, Listening } from './server.ts';

/** Socket.IO over WebSocket alone; a client joins the room of the member that its address names, and is told `ready`. */
export function createSocketIo(options: Partial<ServerOptions> = {}): Pick<BenchServer, 'subscriptions' | 'close'> & {
  readonly io: Server;
  start: () => Promise<Listening>;
} {
  const http = createServer();
  const io = new Server(http, { serveClient: false, transports: ['websocket'], ...options });
  let joined = 0;
  io.on('connection', (socket) => {
    const { member } = socket.handshake.query;
    const join = async () => {
      await socket.join(String(member));
      joined++;
      socket.once('disconnect', () => joined--);
      socket.emit('ready');
    };
    join().catch(() => socket.disconnect(true));
  });
  return {
    io,
    async start() {
      return { port: await listenOn(http), path: '/socket.io/?EIO=4&transport=websocket', subprotocol: '' };
    },
    subscriptions: () => joined,
    close: () => io.close(),
  };
}
