import type { IncomingMessage, ServerResponse } from 'node:http';

import type { Metrics } from '../operations/metrics.ts';
import { allowOrigin, type CrossOrigin } from './origin.ts';

/** What each path answers. */
export interface Routes {
  readonly graphql: (request: IncomingMessage, response: ServerResponse) => Promise<void>;
  /** Null where GraphiQL is off. */
  readonly graphiql: ((request: IncomingMessage, response: ServerResponse) => Promise<void>) | null;
  readonly health: () => Readiness;
  readonly metrics: Metrics;
  readonly crossOrigin: CrossOrigin;
  /** Takes a request that no other route wants: true when it did. */
  readonly extra: (request: IncomingMessage, response: ServerResponse) => boolean;
}

export interface Readiness {
  readonly ready: boolean;
  readonly checks: Readonly<Record<string, { readonly ok: boolean; readonly reason?: string }>>;
}

/** Answers every HTTP request that is no upgrade. */
export async function answer(routes: Routes, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = request.url?.split('?', 1)[0] ?? '/';
  switch (path) {
    case '/graphql':
      await answerGraphQL(routes, request, response);
      return;
    case '/healthz':
      sendJson(response, 200, { status: 'alive' });
      return;
    case '/readyz': {
      const { ready, checks } = routes.health();
      for (const [check, { ok }] of Object.entries(checks)) routes.metrics.ready.set({ check }, ok ? 1 : 0);
      sendJson(response, ready ? 200 : 503, { status: ready ? 'ready' : 'not ready', checks });
      return;
    }
    case '/metrics': {
      const text = await routes.metrics.registry.metrics();
      response.writeHead(200, { 'content-type': routes.metrics.registry.contentType }).end(text);
      return;
    }
    default:
      if (routes.extra(request, response)) return;
      if (path === '/' && routes.graphiql !== null) response.writeHead(302, { location: '/graphql' }).end();
      else sendJson(response, 404, { error: 'Nothing is here. GraphQL is at /graphql, health at /healthz and /readyz.' });
  }
}

async function answerGraphQL({ graphql, graphiql, crossOrigin }: Routes, request: IncomingMessage, response: ServerResponse) {
  allowOrigin(crossOrigin, request, response);
  if (request.method === 'OPTIONS') response.writeHead(204, { allow: 'GET, POST, OPTIONS' }).end();
  else if (graphiql !== null && wantsPage(request)) await graphiql(request, response);
  else await graphql(request, response);
}

function wantsPage({ method, headers }: IncomingMessage): boolean {
  return (method === 'GET' || method === 'HEAD') && headers.accept?.includes('text/html') === true;
}

export function sendJson(response: ServerResponse, status: number, body: object, headers: Record<string, string> = {}): void {
  const text = `${JSON.stringify(body)}\n`;
  response
    .writeHead(status, { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store', ...headers })
    .end(text);
}
