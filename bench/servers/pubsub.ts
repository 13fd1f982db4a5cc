import { EventEmitter } from 'node:events';

import { PubSub, type PubSubEngine } from 'graphql-subscriptions';

/** Counts what a pub/sub engine serves: from when its `subscribe` is done, which over Redis is a round trip later. */
export function countSubscriptions(engine: PubSubEngine): () => number {
  const subscribe = engine.subscribe.bind(engine);
  const unsubscribe = engine.unsubscribe.bind(engine);
  const live = new Set<number>();
  engine.subscribe = async (...args) => {
    const id = await subscribe(...args);
    live.add(id);
    return id;
  };
  engine.unsubscribe = (id) => {
    if (live.delete(id)) unsubscribe(id);
  };
  return () => live.size;
}

/** The one of graphql-subscriptions, which warns of a leak from eleven subscribers on unless told. */
export function createPubSub(): PubSub {
  const eventEmitter = new EventEmitter();
  eventEmitter.setMaxListeners(0);
  return new PubSub({ eventEmitter });
}
