import { once } from 'node:events';
import type { Server } from 'node:net';

/** On a free port of 127.0.0.1, with room for many who connect at once. */
export async function listenOn(server: Server): Promise<number> {
  server.listen({ host: '127.0.0.1', port: 0, backlog: 4096 });
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The server listens on no port.');
  return address.port;
}
