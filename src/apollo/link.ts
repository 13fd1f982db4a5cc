import { ApolloLink, Observable } from '@apollo/client/core';

import { type ClientError, type ClientOptions, createClient, type LifelineClient } from '../client/index.ts';
import { hybridOf } from './hybrid.ts';

interface LinkOptions {
  /** `auto`: when everybody who subscribed has been handed the event. `manual`: the app calls `link.lifeline.acknowledge`. */
  readonly acknowledge?: 'auto' | 'manual';
  /** What is being dealt with while a subscription goes on. An error that ends it is the subscription's result. */
  readonly onError?: (error: ClientError) => void;
}

export type LifelineLinkOptions = LinkOptions & ({ readonly client: LifelineClient } | ClientOptions);

/** A link that shows its client, for `status`, `acknowledge` and `close`. */
export type LifelineLink = ApolloLink & { readonly lifeline: LifelineClient };

/**
 * Runs subscriptions of Lifeline's fields through the hybrid client, with the app's documents as they are; everything else goes to the
 * next link. An event is acknowledged when the app's observers have returned. One that ends its subscription in the middle of an event
 * has not handled it: it comes again with the next subscription.
 */
export function createLifelineLink(options: LifelineLinkOptions): LifelineLink {
  const lifeline = 'client' in options ? options.client : createClient(options);
  const { acknowledge = 'auto' } = options;

  const link = new ApolloLink((operation, forward) => {
    const hybrid = hybridOf(operation.query);
    if (hybrid === null) return forward(operation);
    const { field, query, subscription, factsOf } = hybrid;
    const given = operation.variables;

    return new Observable<ApolloLink.Result>((observer) => {
      const stream = lifeline.stream(
        { subscription, query, field, factsOf, variables: hybrid.variables(given) },
        {
          acknowledge,
          onEvent(event) {
            observer.next({ data: { [field]: hybrid.strip(event, given) } });
            if (observer.closed) throw new Error('Nobody listens any more.');
          },
          onError(error) {
            if (error.retry !== 'never') return options.onError?.(error);
            // As the server's own last result, which is what a stock link would have brought. A client that was closed is just over.
            const { code, retry, message } = error;
            if (code !== 'CLOSED') observer.next({ data: null, errors: [{ message, extensions: { code, retry } }] });
            observer.complete();
          },
        },
      );
      return () => stream.close();
    });
  });
  return Object.assign(link, { lifeline });
}
