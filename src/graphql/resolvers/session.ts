import { LifelineError } from '../../errors.ts';
import { principalOf } from '../context.ts';
import type { Resolvers } from '../generated.ts';

export const sessionResolvers = {
  Query: {
    session: (_root, _args, context) => principalOf(context),
  },
  Mutation: {
    // Not `principalOf`: an expired token may be replaced as long as its session has not ended, which `refresh` itself holds.
    refreshSession: async (_root, { token }, { session, authenticate }) => {
      if (session === null) throw new LifelineError('UNAUTHENTICATED');
      const principal = await authenticate(token);
      session.refresh(principal);
      return principal;
    },
  },
  Session: {
    memberId: ({ member }) => member,
    transports: (_session, _args, { addresses }) => [
      { kind: 'WEBSOCKET', url: addresses.websocket },
      { kind: 'SSE', url: addresses.http },
      { kind: 'POLLING', url: addresses.http },
    ],
  },
} satisfies Resolvers;
