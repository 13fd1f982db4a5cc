import { catalogue, isEventType, type EventType } from '../../event/catalogue.ts';
import { principalOf } from '../context.ts';
import type { Resolvers, VideoVisitEventKind } from '../generated.ts';
import { connection, type Selection } from './connection.ts';
import { memberEventFields, optionalTextIn, textIn } from './event-fields.ts';
import { resolveItem, stream } from './stream.ts';

type CallType = { [T in EventType]: (typeof catalogue)[T]['domain'] extends 'video-visit' ? T : never }[EventType];

const kinds = {
  'call.accepted': 'ACCEPTED',
  'call.ready': 'READY',
  'call.join': 'JOIN',
  'call.extend': 'EXTEND',
  'call.ended': 'ENDED',
} as const satisfies Record<CallType, VideoVisitEventKind>;

function callTypeOf(type: string): CallType {
  if (!Object.hasOwn(kinds, type))
    throw new TypeError('Not a video-visit event: the filter let it pass, the table does not know it.');
  return type as CallType; // hasOwn proves the key
}

/** The same for all of them: every idle subscription holds its selection. */
const domains = ['video-visit'] as const;

const ofCall = (callId: string | null | undefined): Selection => ({
  filter: ({ type, data }) =>
    isEventType(type) &&
    catalogue[type].domain === 'video-visit' &&
    (callId === null || callId === undefined || data['callId'] === callId),
  action: null,
  domains,
});

export const videoVisitResolvers = {
  Query: {
    videoVisitEvents: (_root, { callId, ...page }, context) => connection(context, ofCall(callId), page),
    videoVisit: (_root, { callId }, context) => context.delivery.videoVisit(principalOf(context), callId),
  },
  Subscription: {
    videoVisitEvents: {
      subscribe: (_root, { callId, ...from }, context) => stream(context, ofCall(callId), from),
      resolve: resolveItem,
    },
  },
  VideoVisitEvent: {
    ...memberEventFields,
    callId: ({ event }) => textIn(event.data, 'callId'),
    kind: ({ event }) => kinds[callTypeOf(event.type)],
    legacyName: ({ event }) => catalogue[callTypeOf(event.type)].legacyName,
    providerName: ({ event }) => optionalTextIn(event.data, 'providerName'),
    joinUrl: ({ event }) => optionalTextIn(event.data, 'joinUrl'),
    extension: ({ event }) => (event.type === 'call.extend' ? event.data : null),
    endReason: ({ event }) => (event.type === 'call.ended' ? optionalTextIn(event.data, 'reason') : null),
  },
  CallExtension: {
    offerExpiresAt: (data) => Date.parse(textIn(data, 'offerExpiresAt')),
  },
} satisfies Resolvers;
