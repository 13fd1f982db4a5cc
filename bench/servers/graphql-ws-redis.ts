/** The documented recipe with Redis: graphql-ws, graphql-js, and the pub/sub of graphql-redis-subscriptions over ioredis. */
import { RedisPubSub } from 'graphql-redis-subscriptions';
import { Redis } from 'ioredis';

import { redisChannel } from './event.ts';
import { createGraphqlServer } from './graphql-over-ws.ts';
import { createSchema } from './graphql-schema.ts';
import { countSubscriptions } from './pubsub.ts';
import { serve } from './server.ts';

let subscriptions = () => 0;
let close = async () => {};

serve({
  listen({ redisUrl }) {
    if (redisUrl === undefined) throw new Error('graphql-ws-redis needs a Redis.');
    const pubsub = new RedisPubSub({ publisher: new Redis(redisUrl), subscriber: new Redis(redisUrl) });
    subscriptions = countSubscriptions(pubsub);
    // The library types its iterator as `any`.
    const events = (member: string) => pubsub.asyncIterableIterator(redisChannel(member)) as AsyncIterable<unknown>;
    const server = createGraphqlServer({ schema: createSchema(events) });
    close = server.close; // the connections to Redis end with the process: the library still unsubscribes what the sockets leave behind
    return server.start();
  },
  subscriptions: () => subscriptions(),
  close: () => close(),
});
