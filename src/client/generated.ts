/** Internal type. DO NOT USE DIRECTLY. */
type Exact<T extends { [key: string]: unknown }> = { [K in keyof T]: T[K] };
/** Internal type. DO NOT USE DIRECTLY. */
export type Incremental<T> = T | { [P in keyof T]?: P extends ' $fragmentName' | '__typename' ? T[P] : never };
import type { DocumentTypeDecoration } from '@graphql-typed-document-node/core';
export type CoverageStatus =
  | 'COMPLETED'
  | 'FAILED'
  | 'PROCESSING'
  | 'TIMED_OUT';

export type TransportKind =
  /** Plain HTTP: the queries named like the subscriptions. */
  | 'POLLING'
  /** GraphQL over Server-Sent Events, distinct connections mode. */
  | 'SSE'
  /** `graphql-transport-ws` */
  | 'WEBSOCKET';

export type VideoVisitEventKind =
  | 'ACCEPTED'
  | 'ENDED'
  | 'EXTEND'
  | 'JOIN'
  | 'READY';

export type VideoVisitStatus =
  | 'ACCEPTED'
  | 'ENDED'
  | 'EXTENDING'
  | 'JOINABLE'
  | 'READY';

export type DeliveryPartsFragment = { readonly id: string, readonly cursor: string, readonly sequence: number | null, readonly attempt: number, readonly replayed: boolean, readonly ackRequired: boolean, readonly acknowledgedAt: string | null, readonly sentAt: string };

export type MoneyPartsFragment = { readonly amount: string, readonly currency: string };

export type CoverageUpdatePartsFragment = { readonly __typename: 'CoverageUpdate', readonly type: string, readonly channel: string, readonly occurredAt: string, readonly workflowId: string, readonly accountId: string, readonly status: CoverageStatus, readonly percent: number | null, readonly coverage: { readonly id: string, readonly active: boolean, readonly payer: string, readonly plan: string, readonly effectiveFrom: string | null, readonly effectiveTo: string | null, readonly copay: { readonly amount: string, readonly currency: string } | null, readonly deductible: { readonly total: { readonly amount: string, readonly currency: string }, readonly remaining: { readonly amount: string, readonly currency: string } } | null, readonly outOfPocketMaximum: { readonly total: { readonly amount: string, readonly currency: string }, readonly remaining: { readonly amount: string, readonly currency: string } } | null } | null, readonly failure: { readonly code: string, readonly message: string, readonly retryable: boolean } | null, readonly delivery: { readonly id: string, readonly cursor: string, readonly sequence: number | null, readonly attempt: number, readonly replayed: boolean, readonly ackRequired: boolean, readonly acknowledgedAt: string | null, readonly sentAt: string } };

export type VideoVisitEventPartsFragment = { readonly __typename: 'VideoVisitEvent', readonly type: string, readonly channel: string, readonly occurredAt: string, readonly callId: string, readonly kind: VideoVisitEventKind, readonly legacyName: string, readonly providerName: string | null, readonly joinUrl: string | null, readonly endReason: string | null, readonly extension: { readonly minutes: number, readonly offerExpiresAt: string, readonly price: { readonly amount: string, readonly currency: string } } | null, readonly delivery: { readonly id: string, readonly cursor: string, readonly sequence: number | null, readonly attempt: number, readonly replayed: boolean, readonly ackRequired: boolean, readonly acknowledgedAt: string | null, readonly sentAt: string } };

type MemberEventParts_CoverageUpdate_Fragment = { readonly __typename: 'CoverageUpdate', readonly type: string, readonly channel: string, readonly occurredAt: string, readonly workflowId: string, readonly accountId: string, readonly status: CoverageStatus, readonly percent: number | null, readonly delivery: { readonly id: string, readonly cursor: string, readonly sequence: number | null, readonly attempt: number, readonly replayed: boolean, readonly ackRequired: boolean, readonly acknowledgedAt: string | null, readonly sentAt: string }, readonly coverage: { readonly id: string, readonly active: boolean, readonly payer: string, readonly plan: string, readonly effectiveFrom: string | null, readonly effectiveTo: string | null, readonly copay: { readonly amount: string, readonly currency: string } | null, readonly deductible: { readonly total: { readonly amount: string, readonly currency: string }, readonly remaining: { readonly amount: string, readonly currency: string } } | null, readonly outOfPocketMaximum: { readonly total: { readonly amount: string, readonly currency: string }, readonly remaining: { readonly amount: string, readonly currency: string } } | null } | null, readonly failure: { readonly code: string, readonly message: string, readonly retryable: boolean } | null };

type MemberEventParts_GenericEvent_Fragment = { readonly __typename: 'GenericEvent', readonly payload: unknown, readonly type: string, readonly channel: string, readonly occurredAt: string, readonly delivery: { readonly id: string, readonly cursor: string, readonly sequence: number | null, readonly attempt: number, readonly replayed: boolean, readonly ackRequired: boolean, readonly acknowledgedAt: string | null, readonly sentAt: string } };

type MemberEventParts_VideoVisitEvent_Fragment = { readonly __typename: 'VideoVisitEvent', readonly type: string, readonly channel: string, readonly occurredAt: string, readonly callId: string, readonly kind: VideoVisitEventKind, readonly legacyName: string, readonly providerName: string | null, readonly joinUrl: string | null, readonly endReason: string | null, readonly delivery: { readonly id: string, readonly cursor: string, readonly sequence: number | null, readonly attempt: number, readonly replayed: boolean, readonly ackRequired: boolean, readonly acknowledgedAt: string | null, readonly sentAt: string }, readonly extension: { readonly minutes: number, readonly offerExpiresAt: string, readonly price: { readonly amount: string, readonly currency: string } } | null };

export type MemberEventPartsFragment =
  | MemberEventParts_CoverageUpdate_Fragment
  | MemberEventParts_GenericEvent_Fragment
  | MemberEventParts_VideoVisitEvent_Fragment
;

export type PagePartsFragment = { readonly endCursor: string, readonly hasNextPage: boolean };

export type PushCoverageUpdatesSubscriptionVariables = Exact<{
  accountId: string | number;
  after?: string | null | undefined;
}>;


export type PushCoverageUpdatesSubscription = { readonly coverageUpdates: { readonly __typename: 'CoverageUpdate', readonly type: string, readonly channel: string, readonly occurredAt: string, readonly workflowId: string, readonly accountId: string, readonly status: CoverageStatus, readonly percent: number | null, readonly coverage: { readonly id: string, readonly active: boolean, readonly payer: string, readonly plan: string, readonly effectiveFrom: string | null, readonly effectiveTo: string | null, readonly copay: { readonly amount: string, readonly currency: string } | null, readonly deductible: { readonly total: { readonly amount: string, readonly currency: string }, readonly remaining: { readonly amount: string, readonly currency: string } } | null, readonly outOfPocketMaximum: { readonly total: { readonly amount: string, readonly currency: string }, readonly remaining: { readonly amount: string, readonly currency: string } } | null } | null, readonly failure: { readonly code: string, readonly message: string, readonly retryable: boolean } | null, readonly delivery: { readonly id: string, readonly cursor: string, readonly sequence: number | null, readonly attempt: number, readonly replayed: boolean, readonly ackRequired: boolean, readonly acknowledgedAt: string | null, readonly sentAt: string } } };

export type PollCoverageUpdatesQueryVariables = Exact<{
  accountId: string | number;
  after?: string | null | undefined;
}>;


export type PollCoverageUpdatesQuery = { readonly coverageUpdates: { readonly pollAfterMs: number, readonly nodes: ReadonlyArray<{ readonly __typename: 'CoverageUpdate', readonly type: string, readonly channel: string, readonly occurredAt: string, readonly workflowId: string, readonly accountId: string, readonly status: CoverageStatus, readonly percent: number | null, readonly coverage: { readonly id: string, readonly active: boolean, readonly payer: string, readonly plan: string, readonly effectiveFrom: string | null, readonly effectiveTo: string | null, readonly copay: { readonly amount: string, readonly currency: string } | null, readonly deductible: { readonly total: { readonly amount: string, readonly currency: string }, readonly remaining: { readonly amount: string, readonly currency: string } } | null, readonly outOfPocketMaximum: { readonly total: { readonly amount: string, readonly currency: string }, readonly remaining: { readonly amount: string, readonly currency: string } } | null } | null, readonly failure: { readonly code: string, readonly message: string, readonly retryable: boolean } | null, readonly delivery: { readonly id: string, readonly cursor: string, readonly sequence: number | null, readonly attempt: number, readonly replayed: boolean, readonly ackRequired: boolean, readonly acknowledgedAt: string | null, readonly sentAt: string } }>, readonly pageInfo: { readonly endCursor: string, readonly hasNextPage: boolean } } };

export type PushVideoVisitEventsSubscriptionVariables = Exact<{
  callId?: string | number | null | undefined;
  after?: string | null | undefined;
}>;


export type PushVideoVisitEventsSubscription = { readonly videoVisitEvents: { readonly __typename: 'VideoVisitEvent', readonly type: string, readonly channel: string, readonly occurredAt: string, readonly callId: string, readonly kind: VideoVisitEventKind, readonly legacyName: string, readonly providerName: string | null, readonly joinUrl: string | null, readonly endReason: string | null, readonly extension: { readonly minutes: number, readonly offerExpiresAt: string, readonly price: { readonly amount: string, readonly currency: string } } | null, readonly delivery: { readonly id: string, readonly cursor: string, readonly sequence: number | null, readonly attempt: number, readonly replayed: boolean, readonly ackRequired: boolean, readonly acknowledgedAt: string | null, readonly sentAt: string } } };

export type PollVideoVisitEventsQueryVariables = Exact<{
  callId?: string | number | null | undefined;
  after?: string | null | undefined;
}>;


export type PollVideoVisitEventsQuery = { readonly videoVisitEvents: { readonly pollAfterMs: number, readonly nodes: ReadonlyArray<{ readonly __typename: 'VideoVisitEvent', readonly type: string, readonly channel: string, readonly occurredAt: string, readonly callId: string, readonly kind: VideoVisitEventKind, readonly legacyName: string, readonly providerName: string | null, readonly joinUrl: string | null, readonly endReason: string | null, readonly extension: { readonly minutes: number, readonly offerExpiresAt: string, readonly price: { readonly amount: string, readonly currency: string } } | null, readonly delivery: { readonly id: string, readonly cursor: string, readonly sequence: number | null, readonly attempt: number, readonly replayed: boolean, readonly ackRequired: boolean, readonly acknowledgedAt: string | null, readonly sentAt: string } }>, readonly pageInfo: { readonly endCursor: string, readonly hasNextPage: boolean } } };

export type PushMemberEventsSubscriptionVariables = Exact<{
  channel: string;
  after?: string | null | undefined;
}>;


export type PushMemberEventsSubscription = { readonly memberEvents:
    | { readonly __typename: 'CoverageUpdate', readonly type: string, readonly channel: string, readonly occurredAt: string, readonly workflowId: string, readonly accountId: string, readonly status: CoverageStatus, readonly percent: number | null, readonly delivery: { readonly id: string, readonly cursor: string, readonly sequence: number | null, readonly attempt: number, readonly replayed: boolean, readonly ackRequired: boolean, readonly acknowledgedAt: string | null, readonly sentAt: string }, readonly coverage: { readonly id: string, readonly active: boolean, readonly payer: string, readonly plan: string, readonly effectiveFrom: string | null, readonly effectiveTo: string | null, readonly copay: { readonly amount: string, readonly currency: string } | null, readonly deductible: { readonly total: { readonly amount: string, readonly currency: string }, readonly remaining: { readonly amount: string, readonly currency: string } } | null, readonly outOfPocketMaximum: { readonly total: { readonly amount: string, readonly currency: string }, readonly remaining: { readonly amount: string, readonly currency: string } } | null } | null, readonly failure: { readonly code: string, readonly message: string, readonly retryable: boolean } | null }
    | { readonly __typename: 'GenericEvent', readonly payload: unknown, readonly type: string, readonly channel: string, readonly occurredAt: string, readonly delivery: { readonly id: string, readonly cursor: string, readonly sequence: number | null, readonly attempt: number, readonly replayed: boolean, readonly ackRequired: boolean, readonly acknowledgedAt: string | null, readonly sentAt: string } }
    | { readonly __typename: 'VideoVisitEvent', readonly type: string, readonly channel: string, readonly occurredAt: string, readonly callId: string, readonly kind: VideoVisitEventKind, readonly legacyName: string, readonly providerName: string | null, readonly joinUrl: string | null, readonly endReason: string | null, readonly delivery: { readonly id: string, readonly cursor: string, readonly sequence: number | null, readonly attempt: number, readonly replayed: boolean, readonly ackRequired: boolean, readonly acknowledgedAt: string | null, readonly sentAt: string }, readonly extension: { readonly minutes: number, readonly offerExpiresAt: string, readonly price: { readonly amount: string, readonly currency: string } } | null }
   };

export type PollMemberEventsQueryVariables = Exact<{
  channel: string;
  after?: string | null | undefined;
}>;


export type PollMemberEventsQuery = { readonly memberEvents: { readonly pollAfterMs: number, readonly nodes: ReadonlyArray<
      | { readonly __typename: 'CoverageUpdate', readonly type: string, readonly channel: string, readonly occurredAt: string, readonly workflowId: string, readonly accountId: string, readonly status: CoverageStatus, readonly percent: number | null, readonly delivery: { readonly id: string, readonly cursor: string, readonly sequence: number | null, readonly attempt: number, readonly replayed: boolean, readonly ackRequired: boolean, readonly acknowledgedAt: string | null, readonly sentAt: string }, readonly coverage: { readonly id: string, readonly active: boolean, readonly payer: string, readonly plan: string, readonly effectiveFrom: string | null, readonly effectiveTo: string | null, readonly copay: { readonly amount: string, readonly currency: string } | null, readonly deductible: { readonly total: { readonly amount: string, readonly currency: string }, readonly remaining: { readonly amount: string, readonly currency: string } } | null, readonly outOfPocketMaximum: { readonly total: { readonly amount: string, readonly currency: string }, readonly remaining: { readonly amount: string, readonly currency: string } } | null } | null, readonly failure: { readonly code: string, readonly message: string, readonly retryable: boolean } | null }
      | { readonly __typename: 'GenericEvent', readonly payload: unknown, readonly type: string, readonly channel: string, readonly occurredAt: string, readonly delivery: { readonly id: string, readonly cursor: string, readonly sequence: number | null, readonly attempt: number, readonly replayed: boolean, readonly ackRequired: boolean, readonly acknowledgedAt: string | null, readonly sentAt: string } }
      | { readonly __typename: 'VideoVisitEvent', readonly type: string, readonly channel: string, readonly occurredAt: string, readonly callId: string, readonly kind: VideoVisitEventKind, readonly legacyName: string, readonly providerName: string | null, readonly joinUrl: string | null, readonly endReason: string | null, readonly delivery: { readonly id: string, readonly cursor: string, readonly sequence: number | null, readonly attempt: number, readonly replayed: boolean, readonly ackRequired: boolean, readonly acknowledgedAt: string | null, readonly sentAt: string }, readonly extension: { readonly minutes: number, readonly offerExpiresAt: string, readonly price: { readonly amount: string, readonly currency: string } } | null }
    >, readonly pageInfo: { readonly endCursor: string, readonly hasNextPage: boolean } } };

export type AskCoverageUpdateQueryVariables = Exact<{
  workflowId: string | number;
}>;


export type AskCoverageUpdateQuery = { readonly coverageUpdate: { readonly __typename: 'CoverageUpdate', readonly type: string, readonly channel: string, readonly occurredAt: string, readonly workflowId: string, readonly accountId: string, readonly status: CoverageStatus, readonly percent: number | null, readonly coverage: { readonly id: string, readonly active: boolean, readonly payer: string, readonly plan: string, readonly effectiveFrom: string | null, readonly effectiveTo: string | null, readonly copay: { readonly amount: string, readonly currency: string } | null, readonly deductible: { readonly total: { readonly amount: string, readonly currency: string }, readonly remaining: { readonly amount: string, readonly currency: string } } | null, readonly outOfPocketMaximum: { readonly total: { readonly amount: string, readonly currency: string }, readonly remaining: { readonly amount: string, readonly currency: string } } | null } | null, readonly failure: { readonly code: string, readonly message: string, readonly retryable: boolean } | null, readonly delivery: { readonly id: string, readonly cursor: string, readonly sequence: number | null, readonly attempt: number, readonly replayed: boolean, readonly ackRequired: boolean, readonly acknowledgedAt: string | null, readonly sentAt: string } } | null };

export type AskVideoVisitQueryVariables = Exact<{
  callId: string | number;
}>;


export type AskVideoVisitQuery = { readonly videoVisit: { readonly callId: string, readonly status: VideoVisitStatus, readonly providerName: string | null, readonly joinUrl: string | null, readonly endReason: string | null, readonly updatedAt: string, readonly endedAt: string | null } | null };

export type AskSessionQueryVariables = Exact<{ [key: string]: never; }>;


export type AskSessionQuery = { readonly session: { readonly memberId: string, readonly expiresAt: string, readonly transports: ReadonlyArray<{ readonly kind: TransportKind }> } };

export type AcknowledgeMutationVariables = Exact<{
  ids: ReadonlyArray<string | number> | string | number;
}>;


export type AcknowledgeMutation = { readonly acknowledgeDeliveries: { readonly acknowledged: ReadonlyArray<string>, readonly alreadyAcknowledged: ReadonlyArray<string>, readonly unknown: ReadonlyArray<string> } };

export type RefreshSessionMutationVariables = Exact<{
  token: string;
}>;


export type RefreshSessionMutation = { readonly refreshSession: { readonly memberId: string, readonly expiresAt: string } };

export class TypedDocumentString<TResult, TVariables>
  extends String
  implements DocumentTypeDecoration<TResult, TVariables>
{
  __apiType?: NonNullable<DocumentTypeDecoration<TResult, TVariables>['__apiType']>;
  private value: string;
  public __meta__?: Record<string, any> | undefined;

  constructor(value: string, __meta__?: Record<string, any> | undefined) {
    super(value);
    this.value = value;
    this.__meta__ = __meta__;
  }

  override toString(): string & DocumentTypeDecoration<TResult, TVariables> {
    return this.value;
  }
}
export const DeliveryPartsFragmentDoc = new TypedDocumentString(`
    fragment DeliveryParts on Delivery {
  id
  cursor
  sequence
  attempt
  replayed
  ackRequired
  acknowledgedAt
  sentAt
}
    `, {"fragmentName":"DeliveryParts"}) as unknown as TypedDocumentString<DeliveryPartsFragment, unknown>;
export const MoneyPartsFragmentDoc = new TypedDocumentString(`
    fragment MoneyParts on Money {
  amount
  currency
}
    `, {"fragmentName":"MoneyParts"}) as unknown as TypedDocumentString<MoneyPartsFragment, unknown>;
export const CoverageUpdatePartsFragmentDoc = new TypedDocumentString(`
    fragment CoverageUpdateParts on CoverageUpdate {
  __typename
  type
  channel
  occurredAt
  workflowId
  accountId
  status
  percent
  coverage {
    id
    active
    payer
    plan
    effectiveFrom
    effectiveTo
    copay {
      ...MoneyParts
    }
    deductible {
      total {
        ...MoneyParts
      }
      remaining {
        ...MoneyParts
      }
    }
    outOfPocketMaximum {
      total {
        ...MoneyParts
      }
      remaining {
        ...MoneyParts
      }
    }
  }
  failure {
    code
    message
    retryable
  }
  delivery {
    ...DeliveryParts
  }
}
    fragment DeliveryParts on Delivery {
  id
  cursor
  sequence
  attempt
  replayed
  ackRequired
  acknowledgedAt
  sentAt
}
fragment MoneyParts on Money {
  amount
  currency
}`, {"fragmentName":"CoverageUpdateParts"}) as unknown as TypedDocumentString<CoverageUpdatePartsFragment, unknown>;
export const VideoVisitEventPartsFragmentDoc = new TypedDocumentString(`
    fragment VideoVisitEventParts on VideoVisitEvent {
  __typename
  type
  channel
  occurredAt
  callId
  kind
  legacyName
  providerName
  joinUrl
  extension {
    minutes
    price {
      ...MoneyParts
    }
    offerExpiresAt
  }
  endReason
  delivery {
    ...DeliveryParts
  }
}
    fragment DeliveryParts on Delivery {
  id
  cursor
  sequence
  attempt
  replayed
  ackRequired
  acknowledgedAt
  sentAt
}
fragment MoneyParts on Money {
  amount
  currency
}`, {"fragmentName":"VideoVisitEventParts"}) as unknown as TypedDocumentString<VideoVisitEventPartsFragment, unknown>;
export const MemberEventPartsFragmentDoc = new TypedDocumentString(`
    fragment MemberEventParts on MemberEvent {
  __typename
  type
  channel
  occurredAt
  delivery {
    ...DeliveryParts
  }
  ... on CoverageUpdate {
    ...CoverageUpdateParts
  }
  ... on VideoVisitEvent {
    ...VideoVisitEventParts
  }
  ... on GenericEvent {
    payload
  }
}
    fragment DeliveryParts on Delivery {
  id
  cursor
  sequence
  attempt
  replayed
  ackRequired
  acknowledgedAt
  sentAt
}
fragment MoneyParts on Money {
  amount
  currency
}
fragment CoverageUpdateParts on CoverageUpdate {
  __typename
  type
  channel
  occurredAt
  workflowId
  accountId
  status
  percent
  coverage {
    id
    active
    payer
    plan
    effectiveFrom
    effectiveTo
    copay {
      ...MoneyParts
    }
    deductible {
      total {
        ...MoneyParts
      }
      remaining {
        ...MoneyParts
      }
    }
    outOfPocketMaximum {
      total {
        ...MoneyParts
      }
      remaining {
        ...MoneyParts
      }
    }
  }
  failure {
    code
    message
    retryable
  }
  delivery {
    ...DeliveryParts
  }
}
fragment VideoVisitEventParts on VideoVisitEvent {
  __typename
  type
  channel
  occurredAt
  callId
  kind
  legacyName
  providerName
  joinUrl
  extension {
    minutes
    price {
      ...MoneyParts
    }
    offerExpiresAt
  }
  endReason
  delivery {
    ...DeliveryParts
  }
}`, {"fragmentName":"MemberEventParts"}) as unknown as TypedDocumentString<MemberEventPartsFragment, unknown>;
export const PagePartsFragmentDoc = new TypedDocumentString(`
    fragment PageParts on PageInfo {
  endCursor
  hasNextPage
}
    `, {"fragmentName":"PageParts"}) as unknown as TypedDocumentString<PagePartsFragment, unknown>;
export const PushCoverageUpdatesDocument = new TypedDocumentString(`
    subscription PushCoverageUpdates($accountId: ID!, $after: String) {
  coverageUpdates(accountId: $accountId, after: $after) {
    ...CoverageUpdateParts
  }
}
    fragment DeliveryParts on Delivery {
  id
  cursor
  sequence
  attempt
  replayed
  ackRequired
  acknowledgedAt
  sentAt
}
fragment MoneyParts on Money {
  amount
  currency
}
fragment CoverageUpdateParts on CoverageUpdate {
  __typename
  type
  channel
  occurredAt
  workflowId
  accountId
  status
  percent
  coverage {
    id
    active
    payer
    plan
    effectiveFrom
    effectiveTo
    copay {
      ...MoneyParts
    }
    deductible {
      total {
        ...MoneyParts
      }
      remaining {
        ...MoneyParts
      }
    }
    outOfPocketMaximum {
      total {
        ...MoneyParts
      }
      remaining {
        ...MoneyParts
      }
    }
  }
  failure {
    code
    message
    retryable
  }
  delivery {
    ...DeliveryParts
  }
}`) as unknown as TypedDocumentString<PushCoverageUpdatesSubscription, PushCoverageUpdatesSubscriptionVariables>;
export const PollCoverageUpdatesDocument = new TypedDocumentString(`
    query PollCoverageUpdates($accountId: ID!, $after: String) {
  coverageUpdates(accountId: $accountId, after: $after) {
    nodes {
      ...CoverageUpdateParts
    }
    pageInfo {
      ...PageParts
    }
    pollAfterMs
  }
}
    fragment DeliveryParts on Delivery {
  id
  cursor
  sequence
  attempt
  replayed
  ackRequired
  acknowledgedAt
  sentAt
}
fragment MoneyParts on Money {
  amount
  currency
}
fragment CoverageUpdateParts on CoverageUpdate {
  __typename
  type
  channel
  occurredAt
  workflowId
  accountId
  status
  percent
  coverage {
    id
    active
    payer
    plan
    effectiveFrom
    effectiveTo
    copay {
      ...MoneyParts
    }
    deductible {
      total {
        ...MoneyParts
      }
      remaining {
        ...MoneyParts
      }
    }
    outOfPocketMaximum {
      total {
        ...MoneyParts
      }
      remaining {
        ...MoneyParts
      }
    }
  }
  failure {
    code
    message
    retryable
  }
  delivery {
    ...DeliveryParts
  }
}
fragment PageParts on PageInfo {
  endCursor
  hasNextPage
}`) as unknown as TypedDocumentString<PollCoverageUpdatesQuery, PollCoverageUpdatesQueryVariables>;
export const PushVideoVisitEventsDocument = new TypedDocumentString(`
    subscription PushVideoVisitEvents($callId: ID, $after: String) {
  videoVisitEvents(callId: $callId, after: $after) {
    ...VideoVisitEventParts
  }
}
    fragment DeliveryParts on Delivery {
  id
  cursor
  sequence
  attempt
  replayed
  ackRequired
  acknowledgedAt
  sentAt
}
fragment MoneyParts on Money {
  amount
  currency
}
fragment VideoVisitEventParts on VideoVisitEvent {
  __typename
  type
  channel
  occurredAt
  callId
  kind
  legacyName
  providerName
  joinUrl
  extension {
    minutes
    price {
      ...MoneyParts
    }
    offerExpiresAt
  }
  endReason
  delivery {
    ...DeliveryParts
  }
}`) as unknown as TypedDocumentString<PushVideoVisitEventsSubscription, PushVideoVisitEventsSubscriptionVariables>;
export const PollVideoVisitEventsDocument = new TypedDocumentString(`
    query PollVideoVisitEvents($callId: ID, $after: String) {
  videoVisitEvents(callId: $callId, after: $after) {
    nodes {
      ...VideoVisitEventParts
    }
    pageInfo {
      ...PageParts
    }
    pollAfterMs
  }
}
    fragment DeliveryParts on Delivery {
  id
  cursor
  sequence
  attempt
  replayed
  ackRequired
  acknowledgedAt
  sentAt
}
fragment MoneyParts on Money {
  amount
  currency
}
fragment VideoVisitEventParts on VideoVisitEvent {
  __typename
  type
  channel
  occurredAt
  callId
  kind
  legacyName
  providerName
  joinUrl
  extension {
    minutes
    price {
      ...MoneyParts
    }
    offerExpiresAt
  }
  endReason
  delivery {
    ...DeliveryParts
  }
}
fragment PageParts on PageInfo {
  endCursor
  hasNextPage
}`) as unknown as TypedDocumentString<PollVideoVisitEventsQuery, PollVideoVisitEventsQueryVariables>;
export const PushMemberEventsDocument = new TypedDocumentString(`
    subscription PushMemberEvents($channel: String!, $after: String) {
  memberEvents(channel: $channel, after: $after) {
    ...MemberEventParts
  }
}
    fragment DeliveryParts on Delivery {
  id
  cursor
  sequence
  attempt
  replayed
  ackRequired
  acknowledgedAt
  sentAt
}
fragment MoneyParts on Money {
  amount
  currency
}
fragment CoverageUpdateParts on CoverageUpdate {
  __typename
  type
  channel
  occurredAt
  workflowId
  accountId
  status
  percent
  coverage {
    id
    active
    payer
    plan
    effectiveFrom
    effectiveTo
    copay {
      ...MoneyParts
    }
    deductible {
      total {
        ...MoneyParts
      }
      remaining {
        ...MoneyParts
      }
    }
    outOfPocketMaximum {
      total {
        ...MoneyParts
      }
      remaining {
        ...MoneyParts
      }
    }
  }
  failure {
    code
    message
    retryable
  }
  delivery {
    ...DeliveryParts
  }
}
fragment VideoVisitEventParts on VideoVisitEvent {
  __typename
  type
  channel
  occurredAt
  callId
  kind
  legacyName
  providerName
  joinUrl
  extension {
    minutes
    price {
      ...MoneyParts
    }
    offerExpiresAt
  }
  endReason
  delivery {
    ...DeliveryParts
  }
}
fragment MemberEventParts on MemberEvent {
  __typename
  type
  channel
  occurredAt
  delivery {
    ...DeliveryParts
  }
  ... on CoverageUpdate {
    ...CoverageUpdateParts
  }
  ... on VideoVisitEvent {
    ...VideoVisitEventParts
  }
  ... on GenericEvent {
    payload
  }
}`) as unknown as TypedDocumentString<PushMemberEventsSubscription, PushMemberEventsSubscriptionVariables>;
export const PollMemberEventsDocument = new TypedDocumentString(`
    query PollMemberEvents($channel: String!, $after: String) {
  memberEvents(channel: $channel, after: $after) {
    nodes {
      ...MemberEventParts
    }
    pageInfo {
      ...PageParts
    }
    pollAfterMs
  }
}
    fragment DeliveryParts on Delivery {
  id
  cursor
  sequence
  attempt
  replayed
  ackRequired
  acknowledgedAt
  sentAt
}
fragment MoneyParts on Money {
  amount
  currency
}
fragment CoverageUpdateParts on CoverageUpdate {
  __typename
  type
  channel
  occurredAt
  workflowId
  accountId
  status
  percent
  coverage {
    id
    active
    payer
    plan
    effectiveFrom
    effectiveTo
    copay {
      ...MoneyParts
    }
    deductible {
      total {
        ...MoneyParts
      }
      remaining {
        ...MoneyParts
      }
    }
    outOfPocketMaximum {
      total {
        ...MoneyParts
      }
      remaining {
        ...MoneyParts
      }
    }
  }
  failure {
    code
    message
    retryable
  }
  delivery {
    ...DeliveryParts
  }
}
fragment VideoVisitEventParts on VideoVisitEvent {
  __typename
  type
  channel
  occurredAt
  callId
  kind
  legacyName
  providerName
  joinUrl
  extension {
    minutes
    price {
      ...MoneyParts
    }
    offerExpiresAt
  }
  endReason
  delivery {
    ...DeliveryParts
  }
}
fragment MemberEventParts on MemberEvent {
  __typename
  type
  channel
  occurredAt
  delivery {
    ...DeliveryParts
  }
  ... on CoverageUpdate {
    ...CoverageUpdateParts
  }
  ... on VideoVisitEvent {
    ...VideoVisitEventParts
  }
  ... on GenericEvent {
    payload
  }
}
fragment PageParts on PageInfo {
  endCursor
  hasNextPage
}`) as unknown as TypedDocumentString<PollMemberEventsQuery, PollMemberEventsQueryVariables>;
export const AskCoverageUpdateDocument = new TypedDocumentString(`
    query AskCoverageUpdate($workflowId: ID!) {
  coverageUpdate(workflowId: $workflowId) {
    ...CoverageUpdateParts
  }
}
    fragment DeliveryParts on Delivery {
  id
  cursor
  sequence
  attempt
  replayed
  ackRequired
  acknowledgedAt
  sentAt
}
fragment MoneyParts on Money {
  amount
  currency
}
fragment CoverageUpdateParts on CoverageUpdate {
  __typename
  type
  channel
  occurredAt
  workflowId
  accountId
  status
  percent
  coverage {
    id
    active
    payer
    plan
    effectiveFrom
    effectiveTo
    copay {
      ...MoneyParts
    }
    deductible {
      total {
        ...MoneyParts
      }
      remaining {
        ...MoneyParts
      }
    }
    outOfPocketMaximum {
      total {
        ...MoneyParts
      }
      remaining {
        ...MoneyParts
      }
    }
  }
  failure {
    code
    message
    retryable
  }
  delivery {
    ...DeliveryParts
  }
}`) as unknown as TypedDocumentString<AskCoverageUpdateQuery, AskCoverageUpdateQueryVariables>;
export const AskVideoVisitDocument = new TypedDocumentString(`
    query AskVideoVisit($callId: ID!) {
  videoVisit(callId: $callId) {
    callId
    status
    providerName
    joinUrl
    endReason
    updatedAt
    endedAt
  }
}
    `) as unknown as TypedDocumentString<AskVideoVisitQuery, AskVideoVisitQueryVariables>;
export const AskSessionDocument = new TypedDocumentString(`
    query AskSession {
  session {
    memberId
    expiresAt
    transports {
      kind
    }
  }
}
    `) as unknown as TypedDocumentString<AskSessionQuery, AskSessionQueryVariables>;
export const AcknowledgeDocument = new TypedDocumentString(`
    mutation Acknowledge($ids: [ID!]!) {
  acknowledgeDeliveries(ids: $ids) {
    acknowledged
    alreadyAcknowledged
    unknown
  }
}
    `) as unknown as TypedDocumentString<AcknowledgeMutation, AcknowledgeMutationVariables>;
export const RefreshSessionDocument = new TypedDocumentString(`
    mutation RefreshSession($token: String!) {
  refreshSession(token: $token) {
    memberId
    expiresAt
  }
}
    `) as unknown as TypedDocumentString<RefreshSessionMutation, RefreshSessionMutationVariables>;