import { WebSocket as NodeWebSocket } from 'ws';

import { type ClientOptions, createClient, type LifelineClient, memoryStorage } from '../../src/client/index.ts';
import type { Member } from '../support/member.ts';

/** As in a browser, but for the socket: that of jsdom sends the origin of a page that no server knows. */
export function clientOf({ token }: Member, url: string, options: Partial<ClientOptions> = {}): LifelineClient {
  return createClient({
    url,
    token,
    storage: memoryStorage(),
    platform: { WebSocket: NodeWebSocket as unknown as typeof WebSocket }, // the same interface, declared apart
    ...options,
  });
}
