import { createContext, createElement, type ReactElement, type ReactNode, useContext } from 'react';

import type { LifelineClient } from '../client/index.ts';

const ClientContext = createContext<LifelineClient | null | undefined>(undefined);

/** Gives the hooks below it their client. Null where there is none yet, e.g. before sign-in or on a server: then they show nothing. */
export function LifelineProvider({
  client,
  children,
}: {
  readonly client: LifelineClient | null;
  readonly children?: ReactNode;
}): ReactElement {
  return createElement(ClientContext.Provider, { value: client }, children);
}

/** @throws Error when there is neither a provider nor a client of the caller's own */
export function useClient(own: LifelineClient | null | undefined): LifelineClient | null {
  const provided = useContext(ClientContext);
  const client = own === undefined ? provided : own;
  if (client === undefined) throw new Error('No Lifeline client: wrap the app in <LifelineProvider client={…}>, or pass `client`.');
  return client;
}
