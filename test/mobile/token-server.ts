import { once } from 'node:events';
import { createServer } from 'node:http';

/** What a member's identity provider is to an app: a GET answers a token. */
export interface TokenServer {
  readonly url: string;
  /** How many tokens it gave. */
  readonly given: number;
  stop(): Promise<void>;
}

/** @param issue called with the number of tokens given before */
export async function startTokenServer(issue: (before: number) => Promise<string> | string): Promise<TokenServer> {
  let given = 0;
  const server = createServer((_request, response) => {
    const answer = async () => response.end(await issue(given++));
    void answer();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('No port was given.');
  return {
    url: `http://127.0.0.1:${address.port}/`,
    get given() {
      return given;
    },
    async stop() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
