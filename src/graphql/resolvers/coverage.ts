import { catalogue, isEventType, type EventType } from '../../event/catalogue.ts';
import type { JsonObject } from '../../event/event.ts';
import type { CoverageStatus, Resolvers } from '../generated.ts';
import { principalOf } from '../context.ts';
import { connection, type Selection } from './connection.ts';
import { memberEventFields, numberIn, objectIn, textIn } from './event-fields.ts';
import { resolveItem, stream } from './stream.ts';

type CoverageType = { [T in EventType]: (typeof catalogue)[T]['domain'] extends 'coverage' ? T : never }[EventType];

const statuses = {
  'rte.progress': 'PROCESSING',
  'rte.completed': 'COMPLETED',
  'rte.failed': 'FAILED',
  'rte.timeout': 'TIMED_OUT',
} as const satisfies Record<CoverageType, CoverageStatus>;

/** A check that ran out of time failed too, and clients handle one shape of failure: this stands where the payload has none. */
const timeout: JsonObject = {
  code: 'TIMEOUT',
  message: 'The payer did not answer in time. Starting the check again may help.',
  retryable: true,
};

function statusOf(type: string): CoverageStatus {
  if (!Object.hasOwn(statuses, type))
    throw new TypeError('Not a coverage event: the filter let it pass, the table does not know it.');
  return statuses[type as CoverageType]; // hasOwn proves the key
}

/** The same for all of them: every idle subscription holds its selection. */
const domains = ['coverage'] as const;

const ofAccount = (accountId: string): Selection => ({
  filter: ({ type, accountId: account }) => isEventType(type) && catalogue[type].domain === 'coverage' && account === accountId,
  action: { do: 'ask-account', account: accountId },
  domains,
});

export const coverageResolvers = {
  Query: {
    coverageUpdates: (_root, { accountId, ...page }, context) => connection(context, ofAccount(accountId), page),
    coverageUpdate: (_root, { workflowId }, context) => context.delivery.coverageUpdate(principalOf(context), workflowId),
  },
  Subscription: {
    coverageUpdates: {
      subscribe: (_root, { accountId, ...from }, context) => stream(context, ofAccount(accountId), from),
      resolve: resolveItem,
    },
  },
  CoverageUpdate: {
    ...memberEventFields,
    workflowId: ({ event }) => textIn(event.data, 'workflowId'),
    accountId: ({ event }) => textIn(event.data, 'accountId'),
    status: ({ event }) => statusOf(event.type),
    percent: ({ event }) => (statusOf(event.type) === 'PROCESSING' ? numberIn(event.data, 'percent') : null),
    coverage: ({ event }) => objectIn(event.data, 'coverage'),
    failure: ({ event }) => objectIn(event.data, 'failure') ?? (statusOf(event.type) === 'TIMED_OUT' ? timeout : null),
  },
} satisfies Resolvers;
