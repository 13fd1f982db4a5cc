/** The documented recipe: graphql-js behind graphql-ws, with the in-memory pub/sub of graphql-subscriptions. */
import { eventData } from './event.ts';
import { createGraphqlServer } from './graphql-over-ws.ts';
import { createSchema } from './graphql-schema.ts';
import { countSubscriptions, createPubSub } from './pubsub.ts';
import { serve } from './server.ts';

const pubsub = createPubSub();
const subscriptions = countSubscriptions(pubsub);
const server = createGraphqlServer({ schema: createSchema((member) => pubsub.asyncIterableIterator(member)) });

serve({
  listen: () => server.start(),
  subscriptions,
  publish: (stamp) => void pubsub.publish(stamp.member, eventData(stamp)),
  close: server.close,
});
