import { createServer } from 'node:http';

import type { ServerOptions } from 'graphql-ws';
import { type Extra, useServer } from 'graphql-ws/use/ws';
import { WebSocketServer } from 'ws';

import { listenOn } from './http.ts';
import type { BenchServer, Listening } from './server.ts';

/** graphql-ws over `ws`, as both document it. */
export function createGraphqlServer(
  options: ServerOptions<Record<string, unknown>, Extra>,
  http = createServer(),
): Pick<BenchServer, 'close'> & { start(): Promise<Listening> } {
  const sockets = new WebSocketServer({ server: http, path: '/graphql' });
  useServer(options, sockets);
  return {
    async start() {
      return { port: await listenOn(http), path: '/graphql', subprotocol: 'graphql-transport-ws' };
    },
    async close() {
      for (const client of sockets.clients) client.terminate();
      http.close();
    },
  };
}
