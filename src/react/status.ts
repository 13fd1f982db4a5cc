import { useSyncExternalStore } from 'react';

import type { LifelineClient, Status } from '../client/index.ts';
import { useClient } from './context.ts';

/** What is so where there is no client, as on a server. */
const idle: Status = {
  state: 'idle',
  transport: null,
  since: 0,
  lastEventAt: null,
  nextPollAt: null,
  attempt: 0,
  reason: null,
};
const never = { get: () => idle, subscribe: () => () => undefined };

/** How fresh the app is: rendered again whenever something of it changed. */
export function useLifelineStatus({ client }: { readonly client?: LifelineClient | null } = {}): Status {
  const { subscribe, get } = useClient(client)?.status ?? never;
  return useSyncExternalStore(subscribe, get, () => idle);
}
