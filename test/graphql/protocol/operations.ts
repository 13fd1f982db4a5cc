import fc from 'fast-check';

/**
 * What a client asks for. `«member»`, `«cursor:n»` (the n-th that it has, oldest first) and `«event:n»` (the id of the n-th event) are put in
 * when it is sent, because every conversation is another member's and every log signs for itself.
 */
export interface Operation {
  readonly query: string;
  readonly variables?: unknown;
  readonly operationName?: unknown;
  readonly extensions?: unknown;
}

const calls = '{ kind callId providerName delivery { id cursor sequence attempt replayed ackRequired acknowledgedAt sentAt } }';
const checks = '{ status accountId percent coverage { plan copay { amount } } failure { code } delivery { sequence replayed } }';
const anything = `{ __typename type channel occurredAt delivery { id sequence cursor }
  ... on CoverageUpdate { workflowId status } ... on VideoVisitEvent { callId link: joinUrl } ... on GenericEvent { payload } }`;

const after = fc.constantFrom<unknown>(
  undefined,
  null,
  '«cursor:0»',
  '«cursor:1»',
  '«cursor:2»',
  '«cursor:lost»',
  '«cursor:ahead»',
  '',
  'forged',
  7,
);
const channel = fc.constantFrom(
  '/member/«member»/**',
  '/member/«member»/rte/*',
  '/member/«member»/video-visit/call-9',
  '/member/somebody-else/**',
  'nonsense',
);

const streams: fc.Arbitrary<Operation> = fc.oneof(
  fc.constant({ query: `subscription { videoVisitEvents ${calls} }` }),
  fc.constant({ query: `subscription Checks { coverageUpdates(accountId: "A123") ${checks} }`, operationName: 'Checks' }),
  channel.map((pattern) => ({ query: `subscription { memberEvents(channel: "${pattern}") ${anything} }` })),
  after.map((cursor) => ({
    query: `subscription ($after: String) { videoVisitEvents(after: $after) ${calls} }`,
    variables: { after: cursor },
  })),
  // What has no projection, and what a projection leaves to graphql-js now and then.
  fc.boolean().map((more) => ({
    query: 'subscription ($more: Boolean!) { videoVisitEvents { kind callId @include(if: $more) } }',
    variables: { more },
  })),
  fc.constant({ query: 'subscription { coverageUpdates(accountId: "A123") { accountId status } }' }),
);

export const queries: fc.Arbitrary<Operation> = fc.oneof(
  fc.constant({ query: '{ __typename }' }),
  fc.constant({ query: '{ session { memberId expiresAt transports { kind url } } }' }),
  fc.constant({ query: '{ __schema { queryType { name } } }' }),
  fc.constant({ query: `{ pendingDeliveries { nodes ${anything} pageInfo { endCursor hasNextPage } pollAfterMs } }` }),
  fc.constant({
    query: `{ calls: videoVisitEvents(callId: "call-9") { nodes ${calls} } videoVisit(callId: "call-9") { status } }`,
  }),
  fc.constant({
    query: `{ coverageUpdate(workflowId: "wf-456") ${checks} pendingDeliveries(first: 1) { pageInfo { hasNextPage } } }`,
  }),
  channel.map((pattern) => ({
    query: `query ($c: String!) { memberEvents(channel: $c) { nodes ${anything} } }`,
    variables: { c: pattern },
  })),
  fc.tuple(after, fc.constantFrom(1, 100, 0)).map(([cursor, first]) => ({
    query: `query ($after: String, $first: Int) { coverageUpdates(accountId: "A123", after: $after, first: $first) { nodes ${checks} } }`,
    variables: { after: cursor, first },
  })),
);

const mutations: fc.Arbitrary<Operation> = fc.oneof(
  fc.array(fc.constantFrom('«event:0»', '«event:1»', '«event:2»', 'unknown'), { maxLength: 3 }).map((ids) => ({
    query: 'mutation ($ids: [ID!]!) { acknowledgeDeliveries(ids: $ids) { acknowledged alreadyAcknowledged unknown } }',
    variables: { ids },
  })),
  fc.constantFrom('«member»', '«member»,A123', 'somebody-else', 'refused', 'unknowable').map((token) => ({
    query: `mutation { refreshSession(token: "${token}") { memberId expiresAt } }`,
  })),
);

const two = 'query A { __typename } query B { session { memberId } }';
const mistakes: fc.Arbitrary<Operation> = fc.constantFrom<Operation>(
  { query: '' },
  { query: '{' },
  { query: '{ __typename } 🩺' },
  { query: '{ nope pendingDeliverie { id } }' },
  { query: 'subscription { videoVisitEvents { kind } memberEvents(channel: "/") { type } }' },
  { query: 'subscription { __typename }' },
  { query: 'fragment A on Query { __typename }' },
  { query: 'type A { b: Int }' },
  { query: two },
  { query: two, operationName: 'A' },
  { query: two, operationName: 'C' },
  { query: two, operationName: '' },
  { query: '{ __typename }', operationName: null, variables: null, extensions: null },
  { query: '{ __typename }', variables: { unused: true }, extensions: { traceparent: '00-1' } },
  { query: 'query ($first: Int!) { pendingDeliveries(first: $first) { pollAfterMs } }' },
  { query: 'query ($first: Int!) { pendingDeliveries(first: $first) { pollAfterMs } }', variables: { first: 'many' } },
  { query: 'subscription ($id: ID!) { videoVisitEvents(callId: $id) { kind } }', variables: { id: {} } },
  { query: 'mutation { acknowledgeDeliveries { unknown } }' },
);

/** Mutations are apart: what they change must not race with what else is asked. */
export const reading = fc.oneof(
  { weight: 5, arbitrary: streams },
  { weight: 3, arbitrary: queries },
  { weight: 2, arbitrary: mistakes },
);
export const changing = mutations;
