/** Apollo Server's documented recipe: it answers queries, graphql-ws serves the subscriptions of the same schema beside it. */
import { createServer } from 'node:http';

import { ApolloServer } from '@apollo/server';
import { ApolloServerPluginDrainHttpServer } from '@apollo/server/plugin/drainHttpServer';

import { eventData } from './event.ts';
import { createGraphqlServer } from './graphql-over-ws.ts';
import { createSchema } from './graphql-schema.ts';
import { countSubscriptions, createPubSub } from './pubsub.ts';
import { serve } from './server.ts';

const pubsub = createPubSub();
const subscriptions = countSubscriptions(pubsub);
const schema = createSchema((member) => pubsub.asyncIterableIterator(member));
const http = createServer();
const sockets = createGraphqlServer({ schema }, http);
const apollo = new ApolloServer({
  schema,
  plugins: [
    ApolloServerPluginDrainHttpServer({ httpServer: http }),
    { serverWillStart: async () => ({ drainServer: sockets.close }) },
  ],
});
await apollo.start();

serve({
  listen: () => sockets.start(),
  subscriptions,
  publish: (stamp) => void pubsub.publish(stamp.member, eventData(stamp)),
  close: () => apollo.stop(),
});
