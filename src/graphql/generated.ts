import type { Json } from '../event/event.ts';
import type { GraphQLResolveInfo, GraphQLScalarType, GraphQLScalarTypeConfig } from 'graphql';
import type { Delivery as DomainDelivery } from '../delivery/delivery.ts';
import type { VideoVisit as DomainVideoVisit } from '../delivery/fold.ts';
import type { JsonObject } from '../event/event.ts';
import type { Connection } from './resolvers/connection.ts';
import type { Principal } from '../auth/allow.ts';
import type { Context } from './context.ts';
export type Maybe<T> = T | null;
export type InputMaybe<T> = Maybe<T>;
export type RequireFields<T, K extends keyof T> = Omit<T, K> & { [P in K]-?: NonNullable<T[P]> };
/** All built-in and custom scalars, mapped to their actual values */
export type Scalars = {
  ID: { input: string; output: string; }
  String: { input: string; output: string; }
  Boolean: { input: boolean; output: boolean; }
  Int: { input: number; output: number; }
  Float: { input: number; output: number; }
  /** An instant, ISO 8601 in UTC with milliseconds, e.g. `2026-11-20T17:04:11.312Z`. */
  DateTime: { input: string; output: number; }
  /** Any JSON value. */
  JSON: { input: Json; output: Json; }
};

export type AcknowledgeResult = {
  __typename?: 'AcknowledgeResult';
  acknowledged: Array<Scalars['ID']['output']>;
  alreadyAcknowledged: Array<Scalars['ID']['output']>;
  /** Not this member's, or expired, or never sent. Nothing tells which. */
  unknown: Array<Scalars['ID']['output']>;
};

export type Benefit = {
  __typename?: 'Benefit';
  remaining: Money;
  total: Money;
};

export type CallExtension = {
  __typename?: 'CallExtension';
  minutes: Scalars['Int']['output'];
  offerExpiresAt: Scalars['DateTime']['output'];
  price: Money;
};

export type Coverage = {
  __typename?: 'Coverage';
  active: Scalars['Boolean']['output'];
  copay?: Maybe<Money>;
  deductible?: Maybe<Benefit>;
  /** A calendar date, e.g. `2026-01-01`. */
  effectiveFrom?: Maybe<Scalars['String']['output']>;
  /** A calendar date; null while open-ended. */
  effectiveTo?: Maybe<Scalars['String']['output']>;
  id: Scalars['ID']['output'];
  outOfPocketMaximum?: Maybe<Benefit>;
  payer: Scalars['String']['output'];
  plan: Scalars['String']['output'];
};

export type CoverageFailure = {
  __typename?: 'CoverageFailure';
  /** The payer's or checker's code; `TIMEOUT` when the check ran out of time. */
  code: Scalars['String']['output'];
  message: Scalars['String']['output'];
  /** Whether starting the check again may help. */
  retryable: Scalars['Boolean']['output'];
};

export type CoverageStatus =
  | 'COMPLETED'
  | 'FAILED'
  | 'PROCESSING'
  | 'TIMED_OUT';

/** One step of an eligibility check. */
export type CoverageUpdate = MemberEvent & {
  __typename?: 'CoverageUpdate';
  accountId: Scalars['ID']['output'];
  channel: Scalars['String']['output'];
  /** Once COMPLETED. */
  coverage?: Maybe<Coverage>;
  delivery: Delivery;
  /** Once FAILED or TIMED_OUT. */
  failure?: Maybe<CoverageFailure>;
  occurredAt: Scalars['DateTime']['output'];
  /** 0–100 while PROCESSING. */
  percent?: Maybe<Scalars['Int']['output']>;
  status: CoverageStatus;
  type: Scalars['String']['output'];
  workflowId: Scalars['ID']['output'];
};

export type CoverageUpdateConnection = {
  __typename?: 'CoverageUpdateConnection';
  nodes: Array<CoverageUpdate>;
  pageInfo: PageInfo;
  /** How long to wait before asking again, ms. */
  pollAfterMs: Scalars['Int']['output'];
};

/** One copy of an event on its way to one client. */
export type Delivery = {
  __typename?: 'Delivery';
  /** Sent again until acknowledged. False for best-effort events. */
  ackRequired: Scalars['Boolean']['output'];
  /** Null while not acknowledged. */
  acknowledgedAt?: Maybe<Scalars['DateTime']['output']>;
  /** 1 for the first copy pushed to this subscription. */
  attempt: Scalars['Int']['output'];
  /** Pass as `after` to continue behind this event. Opaque. */
  cursor: Scalars['String']['output'];
  /** Same for every copy of this event, for ever. What `acknowledgeDeliveries` takes. */
  id: Scalars['ID']['output'];
  /** True for copies from the log, false for live ones. */
  replayed: Scalars['Boolean']['output'];
  sentAt: Scalars['DateTime']['output'];
  /** Dense per member: 1, 2, 3 … Null for best-effort events. */
  sequence?: Maybe<Scalars['Int']['output']>;
};

/** An event of a domain that has no type of its own. */
export type GenericEvent = MemberEvent & {
  __typename?: 'GenericEvent';
  channel: Scalars['String']['output'];
  delivery: Delivery;
  occurredAt: Scalars['DateTime']['output'];
  payload: Scalars['JSON']['output'];
  type: Scalars['String']['output'];
};

/** What every event has, whatever its domain. */
export type MemberEvent = {
  /** e.g. `/member/m-1/rte/wf-1` */
  channel: Scalars['String']['output'];
  delivery: Delivery;
  /** When it happened, as its producer says. */
  occurredAt: Scalars['DateTime']['output'];
  /** The catalogue's name, e.g. `rte.completed`. */
  type: Scalars['String']['output'];
};

export type MemberEventConnection = {
  __typename?: 'MemberEventConnection';
  nodes: Array<MemberEvent>;
  pageInfo: PageInfo;
  /** How long to wait before asking again, ms. */
  pollAfterMs: Scalars['Int']['output'];
};

export type Money = {
  __typename?: 'Money';
  /** A decimal number as text, so that no client rounds it. */
  amount: Scalars['String']['output'];
  /** ISO 4217, e.g. `USD`. */
  currency: Scalars['String']['output'];
};

export type Mutation = {
  __typename?: 'Mutation';
  /** Closes deliveries for the member, on every device. Idempotent, on any node, over any transport. At most 1000 ids a call. */
  acknowledgeDeliveries: AcknowledgeResult;
  /** Continues the open socket under a newer token of the same member, without a gap. Over HTTP: checks the newer token. */
  refreshSession: Session;
};


export type MutationAcknowledgeDeliveriesArgs = {
  ids: Array<Scalars['ID']['input']>;
};


export type MutationRefreshSessionArgs = {
  token: Scalars['String']['input'];
};

export type PageInfo = {
  __typename?: 'PageInfo';
  /** Never null: taken before the data was read, so that subscribing with it misses nothing. */
  endCursor: Scalars['String']['output'];
  hasNextPage: Scalars['Boolean']['output'];
};

export type Query = {
  __typename?: 'Query';
  /** Where one eligibility check stands now; null when the member has no such check. */
  coverageUpdate?: Maybe<CoverageUpdate>;
  /**
   * Poll path of the subscription of the same name: events after a cursor, oldest first. Without `after`: everything retained.
   * `first` is 1 to 1000.
   */
  coverageUpdates: CoverageUpdateConnection;
  /** Poll path of the subscription of the same name: any events of the member by channel pattern. */
  memberEvents: MemberEventConnection;
  /** Everything the member has not acknowledged yet, all domains, oldest first. */
  pendingDeliveries: MemberEventConnection;
  /** Who the token is for, when it expires, and which transports this server offers, best first. */
  session: Session;
  /** Where one call stands now; null when the member has no such call. */
  videoVisit?: Maybe<VideoVisit>;
  /** Poll path of the subscription of the same name: one call, or every call of the member when `callId` is absent. */
  videoVisitEvents: VideoVisitEventConnection;
};


export type QueryCoverageUpdateArgs = {
  workflowId: Scalars['ID']['input'];
};


export type QueryCoverageUpdatesArgs = {
  accountId: Scalars['ID']['input'];
  after?: InputMaybe<Scalars['String']['input']>;
  first?: InputMaybe<Scalars['Int']['input']>;
};


export type QueryMemberEventsArgs = {
  after?: InputMaybe<Scalars['String']['input']>;
  channel: Scalars['String']['input'];
  first?: InputMaybe<Scalars['Int']['input']>;
};


export type QueryPendingDeliveriesArgs = {
  first?: InputMaybe<Scalars['Int']['input']>;
};


export type QueryVideoVisitArgs = {
  callId: Scalars['ID']['input'];
};


export type QueryVideoVisitEventsArgs = {
  after?: InputMaybe<Scalars['String']['input']>;
  callId?: InputMaybe<Scalars['ID']['input']>;
  first?: InputMaybe<Scalars['Int']['input']>;
};

export type Session = {
  __typename?: 'Session';
  /** When the token expires: nothing is pushed after it. */
  expiresAt: Scalars['DateTime']['output'];
  memberId: Scalars['ID']['output'];
  /** Best first. */
  transports: Array<Transport>;
};

export type Subscription = {
  __typename?: 'Subscription';
  /** First everything pending that matches, then what comes after `after`, then live. */
  coverageUpdates: CoverageUpdate;
  /** Any events of the member by channel pattern: `/member/m-1/rte/*`, `/member/m-1/**`. `*` is one whole segment, `**` the rest. */
  memberEvents: MemberEvent;
  /** One call, or every call of the member when `callId` is absent. */
  videoVisitEvents: VideoVisitEvent;
};


export type SubscriptionCoverageUpdatesArgs = {
  accountId: Scalars['ID']['input'];
  after?: InputMaybe<Scalars['String']['input']>;
};


export type SubscriptionMemberEventsArgs = {
  after?: InputMaybe<Scalars['String']['input']>;
  channel: Scalars['String']['input'];
};


export type SubscriptionVideoVisitEventsArgs = {
  after?: InputMaybe<Scalars['String']['input']>;
  callId?: InputMaybe<Scalars['ID']['input']>;
};

export type Transport = {
  __typename?: 'Transport';
  kind: TransportKind;
  /** Absolute. */
  url: Scalars['String']['output'];
};

export type TransportKind =
  /** Plain HTTP: the queries named like the subscriptions. */
  | 'POLLING'
  /** GraphQL over Server-Sent Events, distinct connections mode. */
  | 'SSE'
  /** `graphql-transport-ws` */
  | 'WEBSOCKET';

/** Where one call stands: its events, folded. */
export type VideoVisit = {
  __typename?: 'VideoVisit';
  callId: Scalars['ID']['output'];
  endReason?: Maybe<Scalars['String']['output']>;
  endedAt?: Maybe<Scalars['DateTime']['output']>;
  joinUrl?: Maybe<Scalars['String']['output']>;
  providerName?: Maybe<Scalars['String']['output']>;
  status: VideoVisitStatus;
  updatedAt: Scalars['DateTime']['output'];
};

/** One step of a video-visit call. */
export type VideoVisitEvent = MemberEvent & {
  __typename?: 'VideoVisitEvent';
  callId: Scalars['ID']['output'];
  channel: Scalars['String']['output'];
  delivery: Delivery;
  /** For ENDED. */
  endReason?: Maybe<Scalars['String']['output']>;
  /** For EXTEND: what more time costs and how long the offer stands. */
  extension?: Maybe<CallExtension>;
  joinUrl?: Maybe<Scalars['String']['output']>;
  kind: VideoVisitEventKind;
  /** The event's name on the Pusher channel it replaces, e.g. `join_call`. */
  legacyName: Scalars['String']['output'];
  occurredAt: Scalars['DateTime']['output'];
  providerName?: Maybe<Scalars['String']['output']>;
  type: Scalars['String']['output'];
};

export type VideoVisitEventConnection = {
  __typename?: 'VideoVisitEventConnection';
  nodes: Array<VideoVisitEvent>;
  pageInfo: PageInfo;
  /** How long to wait before asking again, ms. */
  pollAfterMs: Scalars['Int']['output'];
};

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



export type ResolverTypeWrapper<T> = Promise<T> | T;


export type ResolverWithResolve<TResult, TParent, TContext, TArgs> = {
  resolve: ResolverFn<TResult, TParent, TContext, TArgs>;
};
export type Resolver<TResult, TParent = Record<PropertyKey, never>, TContext = Record<PropertyKey, never>, TArgs = Record<PropertyKey, never>> = ResolverFn<TResult, TParent, TContext, TArgs> | ResolverWithResolve<TResult, TParent, TContext, TArgs>;

export type ResolverFn<TResult, TParent, TContext, TArgs> = (
  parent: TParent,
  args: TArgs,
  context: TContext,
  info: GraphQLResolveInfo
) => Promise<TResult> | TResult;

export type SubscriptionSubscribeFn<TResult, TParent, TContext, TArgs> = (
  parent: TParent,
  args: TArgs,
  context: TContext,
  info: GraphQLResolveInfo
) => AsyncIterable<TResult> | Promise<AsyncIterable<TResult>>;

export type SubscriptionResolveFn<TResult, TParent, TContext, TArgs> = (
  parent: TParent,
  args: TArgs,
  context: TContext,
  info: GraphQLResolveInfo
) => TResult | Promise<TResult>;

export interface SubscriptionSubscriberObject<TResult, TKey extends string, TParent, TContext, TArgs> {
  subscribe: SubscriptionSubscribeFn<{ [key in TKey]: TResult }, TParent, TContext, TArgs>;
  resolve?: SubscriptionResolveFn<TResult, { [key in TKey]: TResult }, TContext, TArgs>;
}

export interface SubscriptionResolverObject<TResult, TParent, TContext, TArgs> {
  subscribe: SubscriptionSubscribeFn<any, TParent, TContext, TArgs>;
  resolve: SubscriptionResolveFn<TResult, any, TContext, TArgs>;
}

export type SubscriptionObject<TResult, TKey extends string, TParent, TContext, TArgs> =
  | SubscriptionSubscriberObject<TResult, TKey, TParent, TContext, TArgs>
  | SubscriptionResolverObject<TResult, TParent, TContext, TArgs>;

export type SubscriptionResolver<TResult, TKey extends string, TParent = Record<PropertyKey, never>, TContext = Record<PropertyKey, never>, TArgs = Record<PropertyKey, never>> =
  | ((...args: any[]) => SubscriptionObject<TResult, TKey, TParent, TContext, TArgs>)
  | SubscriptionObject<TResult, TKey, TParent, TContext, TArgs>;

export type TypeResolveFn<TTypes, TParent = Record<PropertyKey, never>, TContext = Record<PropertyKey, never>> = (
  parent: TParent,
  context: TContext,
  info: GraphQLResolveInfo
) => Maybe<TTypes> | Promise<Maybe<TTypes>>;

export type IsTypeOfResolverFn<T = Record<PropertyKey, never>, TContext = Record<PropertyKey, never>> = (obj: T, context: TContext, info: GraphQLResolveInfo) => boolean | Promise<boolean>;

export type NextResolverFn<T> = () => Promise<T>;

export type DirectiveResolverFn<TResult = Record<PropertyKey, never>, TParent = Record<PropertyKey, never>, TContext = Record<PropertyKey, never>, TArgs = Record<PropertyKey, never>> = (
  next: NextResolverFn<TResult>,
  parent: TParent,
  args: TArgs,
  context: TContext,
  info: GraphQLResolveInfo
) => TResult | Promise<TResult>;





/** Mapping between all available schema types and the resolvers types */
export type ResolversTypes = {
  AcknowledgeResult: ResolverTypeWrapper<AcknowledgeResult>;
  Benefit: ResolverTypeWrapper<Benefit>;
  Boolean: ResolverTypeWrapper<Scalars['Boolean']['output']>;
  CallExtension: ResolverTypeWrapper<JsonObject>;
  Coverage: ResolverTypeWrapper<JsonObject>;
  CoverageFailure: ResolverTypeWrapper<JsonObject>;
  CoverageStatus: CoverageStatus;
  CoverageUpdate: ResolverTypeWrapper<DomainDelivery>;
  CoverageUpdateConnection: ResolverTypeWrapper<Connection>;
  DateTime: ResolverTypeWrapper<Scalars['DateTime']['output']>;
  Delivery: ResolverTypeWrapper<DomainDelivery>;
  GenericEvent: ResolverTypeWrapper<DomainDelivery>;
  ID: ResolverTypeWrapper<Scalars['ID']['output']>;
  Int: ResolverTypeWrapper<Scalars['Int']['output']>;
  JSON: ResolverTypeWrapper<Scalars['JSON']['output']>;
  MemberEvent: ResolverTypeWrapper<DomainDelivery>;
  MemberEventConnection: ResolverTypeWrapper<Connection>;
  Money: ResolverTypeWrapper<Money>;
  Mutation: ResolverTypeWrapper<Record<PropertyKey, never>>;
  PageInfo: ResolverTypeWrapper<Connection>;
  Query: ResolverTypeWrapper<Record<PropertyKey, never>>;
  Session: ResolverTypeWrapper<Principal>;
  String: ResolverTypeWrapper<Scalars['String']['output']>;
  Subscription: ResolverTypeWrapper<Record<PropertyKey, never>>;
  Transport: ResolverTypeWrapper<Transport>;
  TransportKind: TransportKind;
  VideoVisit: ResolverTypeWrapper<DomainVideoVisit>;
  VideoVisitEvent: ResolverTypeWrapper<DomainDelivery>;
  VideoVisitEventConnection: ResolverTypeWrapper<Connection>;
  VideoVisitEventKind: VideoVisitEventKind;
  VideoVisitStatus: VideoVisitStatus;
};

/** Mapping between all available schema types and the resolvers parents */
export type ResolversParentTypes = {
  AcknowledgeResult: AcknowledgeResult;
  Benefit: Benefit;
  Boolean: Scalars['Boolean']['output'];
  CallExtension: JsonObject;
  Coverage: JsonObject;
  CoverageFailure: JsonObject;
  CoverageUpdate: DomainDelivery;
  CoverageUpdateConnection: Connection;
  DateTime: Scalars['DateTime']['output'];
  Delivery: DomainDelivery;
  GenericEvent: DomainDelivery;
  ID: Scalars['ID']['output'];
  Int: Scalars['Int']['output'];
  JSON: Scalars['JSON']['output'];
  MemberEvent: DomainDelivery;
  MemberEventConnection: Connection;
  Money: Money;
  Mutation: Record<PropertyKey, never>;
  PageInfo: Connection;
  Query: Record<PropertyKey, never>;
  Session: Principal;
  String: Scalars['String']['output'];
  Subscription: Record<PropertyKey, never>;
  Transport: Transport;
  VideoVisit: DomainVideoVisit;
  VideoVisitEvent: DomainDelivery;
  VideoVisitEventConnection: Connection;
};

export type AcknowledgeResultResolvers<ContextType = Context, ParentType extends ResolversParentTypes['AcknowledgeResult'] = ResolversParentTypes['AcknowledgeResult']> = {
  acknowledged?: Resolver<Array<ResolversTypes['ID']>, ParentType, ContextType>;
  alreadyAcknowledged?: Resolver<Array<ResolversTypes['ID']>, ParentType, ContextType>;
  unknown?: Resolver<Array<ResolversTypes['ID']>, ParentType, ContextType>;
};

export type BenefitResolvers<ContextType = Context, ParentType extends ResolversParentTypes['Benefit'] = ResolversParentTypes['Benefit']> = {
  remaining?: Resolver<ResolversTypes['Money'], ParentType, ContextType>;
  total?: Resolver<ResolversTypes['Money'], ParentType, ContextType>;
};

export type CallExtensionResolvers<ContextType = Context, ParentType extends ResolversParentTypes['CallExtension'] = ResolversParentTypes['CallExtension']> = {
  minutes?: Resolver<ResolversTypes['Int'], ParentType, ContextType>;
  offerExpiresAt?: Resolver<ResolversTypes['DateTime'], ParentType, ContextType>;
  price?: Resolver<ResolversTypes['Money'], ParentType, ContextType>;
};

export type CoverageResolvers<ContextType = Context, ParentType extends ResolversParentTypes['Coverage'] = ResolversParentTypes['Coverage']> = {
  active?: Resolver<ResolversTypes['Boolean'], ParentType, ContextType>;
  copay?: Resolver<Maybe<ResolversTypes['Money']>, ParentType, ContextType>;
  deductible?: Resolver<Maybe<ResolversTypes['Benefit']>, ParentType, ContextType>;
  effectiveFrom?: Resolver<Maybe<ResolversTypes['String']>, ParentType, ContextType>;
  effectiveTo?: Resolver<Maybe<ResolversTypes['String']>, ParentType, ContextType>;
  id?: Resolver<ResolversTypes['ID'], ParentType, ContextType>;
  outOfPocketMaximum?: Resolver<Maybe<ResolversTypes['Benefit']>, ParentType, ContextType>;
  payer?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  plan?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
};

export type CoverageFailureResolvers<ContextType = Context, ParentType extends ResolversParentTypes['CoverageFailure'] = ResolversParentTypes['CoverageFailure']> = {
  code?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  message?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  retryable?: Resolver<ResolversTypes['Boolean'], ParentType, ContextType>;
};

export type CoverageUpdateResolvers<ContextType = Context, ParentType extends ResolversParentTypes['CoverageUpdate'] = ResolversParentTypes['CoverageUpdate']> = {
  accountId?: Resolver<ResolversTypes['ID'], ParentType, ContextType>;
  channel?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  coverage?: Resolver<Maybe<ResolversTypes['Coverage']>, ParentType, ContextType>;
  delivery?: Resolver<ResolversTypes['Delivery'], ParentType, ContextType>;
  failure?: Resolver<Maybe<ResolversTypes['CoverageFailure']>, ParentType, ContextType>;
  occurredAt?: Resolver<ResolversTypes['DateTime'], ParentType, ContextType>;
  percent?: Resolver<Maybe<ResolversTypes['Int']>, ParentType, ContextType>;
  status?: Resolver<ResolversTypes['CoverageStatus'], ParentType, ContextType>;
  type?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  workflowId?: Resolver<ResolversTypes['ID'], ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type CoverageUpdateConnectionResolvers<ContextType = Context, ParentType extends ResolversParentTypes['CoverageUpdateConnection'] = ResolversParentTypes['CoverageUpdateConnection']> = {
  nodes?: Resolver<Array<ResolversTypes['CoverageUpdate']>, ParentType, ContextType>;
  pageInfo?: Resolver<ResolversTypes['PageInfo'], ParentType, ContextType>;
  pollAfterMs?: Resolver<ResolversTypes['Int'], ParentType, ContextType>;
};

export interface DateTimeScalarConfig extends GraphQLScalarTypeConfig<ResolversTypes['DateTime'], any> {
  name: 'DateTime';
}

export type DeliveryResolvers<ContextType = Context, ParentType extends ResolversParentTypes['Delivery'] = ResolversParentTypes['Delivery']> = {
  ackRequired?: Resolver<ResolversTypes['Boolean'], ParentType, ContextType>;
  acknowledgedAt?: Resolver<Maybe<ResolversTypes['DateTime']>, ParentType, ContextType>;
  attempt?: Resolver<ResolversTypes['Int'], ParentType, ContextType>;
  cursor?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  id?: Resolver<ResolversTypes['ID'], ParentType, ContextType>;
  replayed?: Resolver<ResolversTypes['Boolean'], ParentType, ContextType>;
  sentAt?: Resolver<ResolversTypes['DateTime'], ParentType, ContextType>;
  sequence?: Resolver<Maybe<ResolversTypes['Int']>, ParentType, ContextType>;
};

export type GenericEventResolvers<ContextType = Context, ParentType extends ResolversParentTypes['GenericEvent'] = ResolversParentTypes['GenericEvent']> = {
  channel?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  delivery?: Resolver<ResolversTypes['Delivery'], ParentType, ContextType>;
  occurredAt?: Resolver<ResolversTypes['DateTime'], ParentType, ContextType>;
  payload?: Resolver<ResolversTypes['JSON'], ParentType, ContextType>;
  type?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export interface JsonScalarConfig extends GraphQLScalarTypeConfig<ResolversTypes['JSON'], any> {
  name: 'JSON';
}

export type MemberEventResolvers<ContextType = Context, ParentType extends ResolversParentTypes['MemberEvent'] = ResolversParentTypes['MemberEvent']> = {
  __resolveType: TypeResolveFn<'CoverageUpdate' | 'GenericEvent' | 'VideoVisitEvent', ParentType, ContextType>;
};

export type MemberEventConnectionResolvers<ContextType = Context, ParentType extends ResolversParentTypes['MemberEventConnection'] = ResolversParentTypes['MemberEventConnection']> = {
  nodes?: Resolver<Array<ResolversTypes['MemberEvent']>, ParentType, ContextType>;
  pageInfo?: Resolver<ResolversTypes['PageInfo'], ParentType, ContextType>;
  pollAfterMs?: Resolver<ResolversTypes['Int'], ParentType, ContextType>;
};

export type MoneyResolvers<ContextType = Context, ParentType extends ResolversParentTypes['Money'] = ResolversParentTypes['Money']> = {
  amount?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  currency?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
};

export type MutationResolvers<ContextType = Context, ParentType extends ResolversParentTypes['Mutation'] = ResolversParentTypes['Mutation']> = {
  acknowledgeDeliveries?: Resolver<ResolversTypes['AcknowledgeResult'], ParentType, ContextType, RequireFields<MutationAcknowledgeDeliveriesArgs, 'ids'>>;
  refreshSession?: Resolver<ResolversTypes['Session'], ParentType, ContextType, RequireFields<MutationRefreshSessionArgs, 'token'>>;
};

export type PageInfoResolvers<ContextType = Context, ParentType extends ResolversParentTypes['PageInfo'] = ResolversParentTypes['PageInfo']> = {
  endCursor?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  hasNextPage?: Resolver<ResolversTypes['Boolean'], ParentType, ContextType>;
};

export type QueryResolvers<ContextType = Context, ParentType extends ResolversParentTypes['Query'] = ResolversParentTypes['Query']> = {
  coverageUpdate?: Resolver<Maybe<ResolversTypes['CoverageUpdate']>, ParentType, ContextType, RequireFields<QueryCoverageUpdateArgs, 'workflowId'>>;
  coverageUpdates?: Resolver<ResolversTypes['CoverageUpdateConnection'], ParentType, ContextType, RequireFields<QueryCoverageUpdatesArgs, 'accountId' | 'first'>>;
  memberEvents?: Resolver<ResolversTypes['MemberEventConnection'], ParentType, ContextType, RequireFields<QueryMemberEventsArgs, 'channel' | 'first'>>;
  pendingDeliveries?: Resolver<ResolversTypes['MemberEventConnection'], ParentType, ContextType, RequireFields<QueryPendingDeliveriesArgs, 'first'>>;
  session?: Resolver<ResolversTypes['Session'], ParentType, ContextType>;
  videoVisit?: Resolver<Maybe<ResolversTypes['VideoVisit']>, ParentType, ContextType, RequireFields<QueryVideoVisitArgs, 'callId'>>;
  videoVisitEvents?: Resolver<ResolversTypes['VideoVisitEventConnection'], ParentType, ContextType, RequireFields<QueryVideoVisitEventsArgs, 'first'>>;
};

export type SessionResolvers<ContextType = Context, ParentType extends ResolversParentTypes['Session'] = ResolversParentTypes['Session']> = {
  expiresAt?: Resolver<ResolversTypes['DateTime'], ParentType, ContextType>;
  memberId?: Resolver<ResolversTypes['ID'], ParentType, ContextType>;
  transports?: Resolver<Array<ResolversTypes['Transport']>, ParentType, ContextType>;
};

export type SubscriptionResolvers<ContextType = Context, ParentType extends ResolversParentTypes['Subscription'] = ResolversParentTypes['Subscription']> = {
  coverageUpdates?: SubscriptionResolver<ResolversTypes['CoverageUpdate'], "coverageUpdates", ParentType, ContextType, RequireFields<SubscriptionCoverageUpdatesArgs, 'accountId'>>;
  memberEvents?: SubscriptionResolver<ResolversTypes['MemberEvent'], "memberEvents", ParentType, ContextType, RequireFields<SubscriptionMemberEventsArgs, 'channel'>>;
  videoVisitEvents?: SubscriptionResolver<ResolversTypes['VideoVisitEvent'], "videoVisitEvents", ParentType, ContextType, Partial<SubscriptionVideoVisitEventsArgs>>;
};

export type TransportResolvers<ContextType = Context, ParentType extends ResolversParentTypes['Transport'] = ResolversParentTypes['Transport']> = {
  kind?: Resolver<ResolversTypes['TransportKind'], ParentType, ContextType>;
  url?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
};

export type VideoVisitResolvers<ContextType = Context, ParentType extends ResolversParentTypes['VideoVisit'] = ResolversParentTypes['VideoVisit']> = {
  callId?: Resolver<ResolversTypes['ID'], ParentType, ContextType>;
  endReason?: Resolver<Maybe<ResolversTypes['String']>, ParentType, ContextType>;
  endedAt?: Resolver<Maybe<ResolversTypes['DateTime']>, ParentType, ContextType>;
  joinUrl?: Resolver<Maybe<ResolversTypes['String']>, ParentType, ContextType>;
  providerName?: Resolver<Maybe<ResolversTypes['String']>, ParentType, ContextType>;
  status?: Resolver<ResolversTypes['VideoVisitStatus'], ParentType, ContextType>;
  updatedAt?: Resolver<ResolversTypes['DateTime'], ParentType, ContextType>;
};

export type VideoVisitEventResolvers<ContextType = Context, ParentType extends ResolversParentTypes['VideoVisitEvent'] = ResolversParentTypes['VideoVisitEvent']> = {
  callId?: Resolver<ResolversTypes['ID'], ParentType, ContextType>;
  channel?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  delivery?: Resolver<ResolversTypes['Delivery'], ParentType, ContextType>;
  endReason?: Resolver<Maybe<ResolversTypes['String']>, ParentType, ContextType>;
  extension?: Resolver<Maybe<ResolversTypes['CallExtension']>, ParentType, ContextType>;
  joinUrl?: Resolver<Maybe<ResolversTypes['String']>, ParentType, ContextType>;
  kind?: Resolver<ResolversTypes['VideoVisitEventKind'], ParentType, ContextType>;
  legacyName?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  occurredAt?: Resolver<ResolversTypes['DateTime'], ParentType, ContextType>;
  providerName?: Resolver<Maybe<ResolversTypes['String']>, ParentType, ContextType>;
  type?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type VideoVisitEventConnectionResolvers<ContextType = Context, ParentType extends ResolversParentTypes['VideoVisitEventConnection'] = ResolversParentTypes['VideoVisitEventConnection']> = {
  nodes?: Resolver<Array<ResolversTypes['VideoVisitEvent']>, ParentType, ContextType>;
  pageInfo?: Resolver<ResolversTypes['PageInfo'], ParentType, ContextType>;
  pollAfterMs?: Resolver<ResolversTypes['Int'], ParentType, ContextType>;
};

export type Resolvers<ContextType = Context> = {
  AcknowledgeResult?: AcknowledgeResultResolvers<ContextType>;
  Benefit?: BenefitResolvers<ContextType>;
  CallExtension?: CallExtensionResolvers<ContextType>;
  Coverage?: CoverageResolvers<ContextType>;
  CoverageFailure?: CoverageFailureResolvers<ContextType>;
  CoverageUpdate?: CoverageUpdateResolvers<ContextType>;
  CoverageUpdateConnection?: CoverageUpdateConnectionResolvers<ContextType>;
  DateTime?: GraphQLScalarType;
  Delivery?: DeliveryResolvers<ContextType>;
  GenericEvent?: GenericEventResolvers<ContextType>;
  JSON?: GraphQLScalarType;
  MemberEvent?: MemberEventResolvers<ContextType>;
  MemberEventConnection?: MemberEventConnectionResolvers<ContextType>;
  Money?: MoneyResolvers<ContextType>;
  Mutation?: MutationResolvers<ContextType>;
  PageInfo?: PageInfoResolvers<ContextType>;
  Query?: QueryResolvers<ContextType>;
  Session?: SessionResolvers<ContextType>;
  Subscription?: SubscriptionResolvers<ContextType>;
  Transport?: TransportResolvers<ContextType>;
  VideoVisit?: VideoVisitResolvers<ContextType>;
  VideoVisitEvent?: VideoVisitEventResolvers<ContextType>;
  VideoVisitEventConnection?: VideoVisitEventConnectionResolvers<ContextType>;
};

