/** Socket.IO with its Redis adapter, which hears of events that another process emits. */
import { createAdapter } from '@socket.io/redis-adapter';
import { Redis } from 'ioredis';

import { type BenchServer, serve } from './server.ts';
import { createSocketIo } from './socket-io-server.ts';

let server: ReturnType<typeof createSocketIo> | undefined;
let clients: Redis[] = [];

serve({
  async listen({ redisUrl }) {
    if (redisUrl === undefined) throw new Error('socket-io-redis needs a Redis.');
    const publisher = new Redis(redisUrl);
    const subscriber = publisher.duplicate();
    clients = [publisher, subscriber];
    server = createSocketIo({ adapter: createAdapter(publisher, subscriber) });
    const listening = await server.start();
    await subscriber.ping(); // behind the subscriptions that the adapter has asked for
    return listening;
  },
  subscriptions: () => server?.subscriptions() ?? 0,
  async close() {
    await server?.close();
    for (const client of clients) client.disconnect();
  },
} satisfies BenchServer);
