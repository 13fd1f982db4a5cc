/** GraphQL Yoga's documented recipe for graphql-ws: its envelope around every operation, its own pub/sub. */
import { setMaxListeners } from 'node:events';
import { createServer } from 'node:http';

import type { ExecutionArgs } from 'graphql';
import { createPubSub, createSchema, createYoga } from 'graphql-yoga';

import { eventData, type EventData } from './event.ts';
import { createGraphqlServer } from './graphql-over-ws.ts';
import { resolvers, typeDefs } from './graphql-schema.ts';
import { serve } from './server.ts';

const target = new EventTarget();
setMaxListeners(0, target); // many listen to one topic, and Node would take that for a leak
let listeners = 0;
const pubsub = createPubSub<{ updates: [member: string, event: EventData] }>({
  eventTarget: {
    addEventListener(...args) {
      listeners++;
      target.addEventListener(...(args as Parameters<EventTarget['addEventListener']>)); // events of its own, typed more narrowly
    },
    removeEventListener(...args) {
      listeners--;
      target.removeEventListener(...(args as Parameters<EventTarget['removeEventListener']>)); // as above
    },
    dispatchEvent: (event) => target.dispatchEvent(event),
  },
});
const yoga = createYoga({
  schema: createSchema({ typeDefs, resolvers: resolvers((member) => pubsub.subscribe('updates', member)) }),
  graphiql: false,
});

/** What the recipe hides in the root value to find it again one call later. */
type Enveloped = Pick<ReturnType<typeof yoga.getEnveloped>, 'execute' | 'subscribe'>;
const envelopedOf = (args: ExecutionArgs) => args.rootValue as Enveloped; // put there below

const server = createGraphqlServer(
  {
    execute: (args) => envelopedOf(args).execute(args),
    subscribe: (args) => envelopedOf(args).subscribe(args),
    async onSubscribe(context, _id, params) {
      const { schema, execute, subscribe, contextFactory, parse, validate } = yoga.getEnveloped({
        ...context,
        req: context.extra.request,
        socket: context.extra.socket,
        params,
      });
      const args = {
        schema,
        operationName: params.operationName,
        document: parse(params.query),
        variableValues: params.variables,
        contextValue: await contextFactory(),
        rootValue: { execute, subscribe },
      };
      const errors = validate(args.schema, args.document);
      return errors.length > 0 ? errors : args;
    },
  },
  // Yoga's request listener may return a promise, which nobody waits for: that is how it is documented.
  createServer((request, response) => void yoga(request, response)),
);

serve({
  listen: () => server.start(),
  subscriptions: () => listeners,
  publish: (stamp) => pubsub.publish('updates', stamp.member, eventData(stamp)),
  close: server.close,
});
