import { catalogue, domains, isEventType, type Domain } from '../../event/catalogue.ts';
import { parseChannelPattern } from '../../event/channel.ts';
import { LifelineError } from '../../errors.ts';
import { principalOf } from '../context.ts';
import type { Resolvers } from '../generated.ts';
import { connection, type Selection } from './connection.ts';
import { memberEventFields } from './event-fields.ts';
import { resolveItem, stream } from './stream.ts';

const mostIds = 1_000;

const allDomains = Object.keys(domains) as readonly Domain[]; // Object.keys loses the literal keys

/** A type that the catalogue of this process does not know yet has no shape either: it comes as it is. */
const typeNames = { coverage: 'CoverageUpdate', 'video-visit': 'VideoVisitEvent' } as const satisfies Record<Domain, string>;

function onChannel(channel: string): Selection {
  const pattern = parseChannelPattern(channel);
  if (pattern === null) {
    throw new LifelineError(
      'BAD_USER_INPUT',
      'This is not a channel pattern. Patterns read like `/member/m-1/rte/*` or `/member/m-1/**`: whole segments, `**` only at the end.',
    );
  }
  const family = channel.split('/')[3];
  const named = allDomains.filter((domain) => domains[domain].segment === family);
  return {
    filter: (event) => pattern.matches(event.channel),
    action: { do: 'ask-channel', member: pattern.member },
    domains: named.length > 0 ? named : allDomains,
  };
}

const everything: Selection = { filter: () => true, action: null, domains: allDomains };

export const memberEventResolvers = {
  Query: {
    memberEvents: (_root, { channel, ...page }, context) => connection(context, onChannel(channel), page),
    pendingDeliveries: (_root, { first }, context) => connection(context, everything, { first, pendingOnly: true }),
  },
  Mutation: {
    acknowledgeDeliveries: async (_root, { ids }, context) => {
      const principal = principalOf(context);
      if (ids.length > mostIds) {
        throw new LifelineError('BAD_USER_INPUT', `At most ${String(mostIds)} ids a call. Acknowledge them in several calls.`);
      }
      const { acknowledged, alreadyAcknowledged, unknown } = await context.delivery.acknowledge(principal, [...new Set(ids)]);
      return { acknowledged: [...acknowledged], alreadyAcknowledged: [...alreadyAcknowledged], unknown: [...unknown] };
    },
  },
  Subscription: {
    memberEvents: {
      subscribe: (_root, { channel, ...from }, context) => stream(context, onChannel(channel), from),
      resolve: resolveItem,
    },
  },
  MemberEvent: {
    __resolveType: ({ event: { type } }) => (isEventType(type) ? typeNames[catalogue[type].domain] : 'GenericEvent'),
  },
  GenericEvent: {
    ...memberEventFields,
    payload: ({ event }) => event.data,
  },
  Delivery: {
    id: ({ event }) => event.id,
    cursor: ({ event, position }, _args, { cursors }) => cursors.encode(event.member, position),
    ackRequired: ({ sequence }) => sequence !== null,
  },
} satisfies Resolvers;
