import { readFileSync } from 'node:fs';

import { makeExecutableSchema } from '@graphql-tools/schema';
import { parse } from 'graphql';

import type { Resolvers } from './generated.ts';
import { connectionResolvers } from './resolvers/connection.ts';
import { coverageResolvers } from './resolvers/coverage.ts';
import { memberEventResolvers } from './resolvers/member-events.ts';
import { sessionResolvers } from './resolvers/session.ts';
import { videoVisitResolvers } from './resolvers/video-visit.ts';
import { DateTime, JSONValue } from './scalars.ts';

// The package root is two levels up from src/graphql and from dist/graphql alike.
const typeDefs = parse(readFileSync(new URL('../../schema/schema.graphql', import.meta.url), 'utf8'), { noLocation: true });

const resolvers = {
  ...connectionResolvers,
  ...coverageResolvers,
  ...memberEventResolvers,
  ...sessionResolvers,
  ...videoVisitResolvers,
  DateTime,
  JSON: JSONValue,
  Query: { ...coverageResolvers.Query, ...memberEventResolvers.Query, ...sessionResolvers.Query, ...videoVisitResolvers.Query },
  Mutation: { ...memberEventResolvers.Mutation, ...sessionResolvers.Mutation },
  Subscription: { ...coverageResolvers.Subscription, ...memberEventResolvers.Subscription, ...videoVisitResolvers.Subscription },
} satisfies Resolvers;

/** `buildSubgraphSchema([{ typeDefs, resolvers }])` takes the place of this one line in a federated graph. */
export const schema = makeExecutableSchema({ typeDefs, resolvers });
