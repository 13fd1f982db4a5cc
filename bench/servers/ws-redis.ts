/** The bare forwarder: what ioredis hears of a member's channel goes to the member's sockets as it is. */
import { Redis } from 'ioredis';

import { createBareServer } from './bare-ws.ts';
import { redisChannel } from './event.ts';
import { serve } from './server.ts';

let redis: Redis | undefined;
const bare = createBareServer({
  open: async (member) => redis?.subscribe(redisChannel(member)),
  close: (member) => void redis?.unsubscribe(redisChannel(member)).catch(() => undefined), // closing
});
const prefixLength = redisChannel('').length;

serve({
  listen({ redisUrl }) {
    if (redisUrl === undefined) throw new Error('ws-redis needs a Redis.');
    redis = new Redis(redisUrl);
    redis.on('message', (channel: string, message: string) => {
      for (const { socket } of bare.subscribers.of(channel.slice(prefixLength))) socket.send(message);
    });
    return bare.start();
  },
  subscriptions: bare.subscriptions,
  async close() {
    await bare.close();
    redis?.disconnect();
  },
});
