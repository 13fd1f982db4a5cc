/** Mercurius on Fastify, with the pub/sub that it brings. */
import { fastify } from 'fastify';
import mercurius, { type MercuriusContext } from 'mercurius';
import mqemitter from 'mqemitter';

import { eventData } from './event.ts';
import { resolvers, typeDefs } from './graphql-schema.ts';
import { serve } from './server.ts';

const emitter = mqemitter();
let listeners = 0;
const [on, removeListener] = [emitter.on.bind(emitter), emitter.removeListener.bind(emitter)];
emitter.on = (topic, listener, callback) => {
  listeners++;
  return on(topic, listener, callback);
};
emitter.removeListener = (topic, listener, callback) => {
  listeners--;
  return removeListener(topic, listener, callback);
};

const app = fastify();
await app.register(mercurius, {
  schema: typeDefs,
  resolvers: resolvers((member, { pubsub }: MercuriusContext) => pubsub.subscribe(member)),
  subscription: { emitter },
});

serve({
  async listen() {
    await app.listen({ host: '127.0.0.1', port: 0, backlog: 4096 });
    const address = app.server.address();
    if (address === null || typeof address === 'string') throw new Error('Fastify listens on no port.');
    return { port: address.port, path: '/graphql', subprotocol: 'graphql-transport-ws' };
  },
  subscriptions: () => listeners,
  publish: (stamp) => app.graphql.pubsub.publish({ topic: stamp.member, payload: eventData(stamp) }),
  close: () => app.close(),
});
