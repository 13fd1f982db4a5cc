import { useEffect, useMemo, useRef, useSyncExternalStore } from 'react';

import type {
  ClientError,
  CoverageUpdate,
  EventMeta,
  EventStream,
  LifelineClient,
  StreamOptions,
  VideoVisitEvent,
} from '../client/index.ts';
import { useClient } from './context.ts';
import { createFeedStore, emptyFeed, type Feed, openOrTell } from './feed.ts';
import { feedOf } from './feeds.ts';

export interface FeedOptions<Event> {
  /**
   * For what is to happen once, e.g. a ringing tone: called for each event that arrives while this view is there. Acknowledged when it
   * settles well; when it throws, the event comes again to this view.
   */
  readonly onEvent?: (event: Event, meta: EventMeta) => unknown;
  /** Also of what passes, and of what `onEvent` threw. */
  readonly onError?: (error: ClientError) => void;
  /** `manual`: the app calls `client.acknowledge` itself. Default `auto`: shown is handled. */
  readonly acknowledge?: 'auto' | 'manual';
  /** Instead of the provider's. */
  readonly client?: LifelineClient | null;
}

/** Steps of the account's eligibility checks, live while a view shows them. Null instead of an account: nothing. */
export function useCoverageUpdates(
  variables: { readonly accountId: string } | null,
  options: FeedOptions<CoverageUpdate> = {},
): Feed<CoverageUpdate> {
  const accountId = variables?.accountId ?? null;
  return useFeed(accountId === null ? null : `coverageUpdates ${accountId}`, options, (client, streamOptions) =>
    client.coverageUpdates({ accountId: accountId ?? '' }, streamOptions),
  );
}

/** Steps of one call, or of every call of the member without `callId`, live while a view shows them. Null: nothing. */
export function useVideoVisitEvents(
  variables: { readonly callId?: string } | null = {},
  options: FeedOptions<VideoVisitEvent> = {},
): Feed<VideoVisitEvent> {
  const callId = variables?.callId;
  return useFeed(variables === null ? null : `videoVisitEvents ${callId ?? ''}`, options, (client, streamOptions) =>
    client.videoVisitEvents(callId === undefined ? {} : { callId }, streamOptions),
  );
}

const nothing = { get: () => emptyFeed, subscribe: () => () => undefined };

function useFeed<Event extends CoverageUpdate | VideoVisitEvent>(
  name: string | null,
  { onEvent, onError, acknowledge = 'auto', client: own }: FeedOptions<Event>,
  open: (client: LifelineClient, options: StreamOptions<Event>) => EventStream<Event>,
): Feed<Event> {
  const client = useClient(own);
  const calls = useRef({ onEvent, onError, open });
  useEffect(() => {
    calls.current = { onEvent, onError, open };
  });
  const key = client === null || name === null ? null : `${name} ${acknowledge}`;

  const store = useMemo(
    () =>
      client === null || key === null
        ? nothing
        : feedOf(client, key, () => createFeedStore<Event>((options) => open(client, { ...options, acknowledge }))),
    // Not `open`: a new function each time, of what the key says.
    [client, key, acknowledge],
  );
  const feed = useSyncExternalStore<Feed<Event>>(store.subscribe, store.get, () => emptyFeed);

  // A listener of its own on the same stream: an event that this view fails at comes again to this view alone.
  const listens = onEvent !== undefined || onError !== undefined;
  useEffect(() => {
    if (client === null || key === null || !listens) return;
    const tell = (error: ClientError) => calls.current.onError?.(error);
    const stream = openOrTell(
      () =>
        calls.current.open(client, {
          acknowledge,
          onEvent: (event, meta) => calls.current.onEvent?.(event, meta),
          onError: tell,
        }),
      tell,
    );
    return () => stream?.close();
  }, [client, key, acknowledge, listens]);
  return feed;
}
