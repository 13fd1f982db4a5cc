/**
 * A client to be frozen: `node frozen-client.ts <wsUrl> <token> <member>`. Does what the README asks for with the stock client, never
 * acknowledges, and writes the id of each event on a line.
 */
import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws';

import { everything, type EventNode } from '../../support/graphql.ts';

const [url = '', token = '', member = ''] = process.argv.slice(2);
let cursor: string | null = null;
const client = createClient({
  url,
  webSocketImpl: WebSocket,
  connectionParams: { token },
  retryAttempts: Number.POSITIVE_INFINITY,
  retryWait: () => new Promise((resolve) => setTimeout(resolve, 200)),
  shouldRetry: () => true,
});
client.subscribe<{ memberEvents: EventNode }>(
  {
    query: everything,
    variables: {
      channel: `/member/${member}/**`,
      // Read anew for each connection.
      get after() {
        return cursor;
      },
    },
  },
  {
    next({ data }) {
      if (data === undefined || data === null) return;
      cursor = data.memberEvents.delivery.cursor;
      process.stdout.write(`${data.memberEvents.delivery.id}\n`);
    },
    error: () => process.exit(1),
    complete: () => process.exit(1),
  },
);
