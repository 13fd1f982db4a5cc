import { makeExecutableSchema } from '@graphql-tools/schema';
import type { GraphQLSchema } from 'graphql';

/** The product's type for the event, without what only the product has; members are arguments, because the peers have no tokens. */
export const typeDefs = `
  type Query { ok: Boolean! }
  type Subscription { coverageUpdates(memberId: ID!): CoverageUpdate! }
  type CoverageUpdate { workflowId: ID! accountId: ID! status: CoverageStatus! coverage: Coverage }
  enum CoverageStatus { PROCESSING COMPLETED FAILED TIMED_OUT }
  type Coverage {
    id: ID! active: Boolean! payer: String! plan: String! effectiveFrom: String effectiveTo: String copay: Money
  }
  type Money { amount: String! currency: String! }
`;

/** A payload of the pub/sub is the event itself. */
export const resolvers = <Context>(
  subscribe: (member: string, context: Context) => AsyncIterable<unknown> | Promise<AsyncIterable<unknown>>,
) => ({
  Query: { ok: () => true },
  Subscription: {
    coverageUpdates: {
      subscribe: (_root: unknown, { memberId }: { memberId: string }, context: Context) => subscribe(memberId, context),
      resolve: (event: unknown) => event,
    },
  },
});

export function createSchema(subscribe: (member: string) => AsyncIterable<unknown>): GraphQLSchema {
  return makeExecutableSchema({ typeDefs, resolvers: resolvers(subscribe) });
}
