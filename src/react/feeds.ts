import type { LifelineClient } from '../client/index.ts';
import type { FeedStore } from './feed.ts';

/** Feeds that no view shows are kept for those that come back; the oldest go first. */
const mostIdle = 32;

// By client, so that what one member saw is out of reach, and out of memory, with the member's client.
const feeds = new WeakMap<LifelineClient, Map<string, FeedStore<unknown>>>();

/** The same store for the same client and key. */
export function feedOf<Event>(client: LifelineClient, key: string, make: () => FeedStore<Event>): FeedStore<Event> {
  const own = feeds.get(client) ?? new Map<string, FeedStore<unknown>>();
  feeds.set(client, own);
  const store = (own.get(key) as FeedStore<Event> | undefined) ?? make(); // the key names the field, and so the type
  own.delete(key);
  own.set(key, store); // the newest one last
  const idle = [...own].filter(([, { idle: unused }]) => unused);
  for (const [oldest] of idle.slice(0, Math.max(0, idle.length - mostIdle))) own.delete(oldest);
  return store;
}
