import type { IncomingMessage, ServerResponse } from 'node:http';

import { type Endpoints, pathOf, sendJson } from '../operations/endpoints.ts';
import { allowOrigin, type CrossOrigin } from './origin.ts';

/** What each path answers. */
export interface Routes {
  readonly graphql: (request: IncomingMessage, response: ServerResponse) => Promise<void>;
  /** Null where GraphiQL is off. */
  readonly graphiql: ((request: IncomingMessage, response: ServerResponse) => Promise<void>) | null;
  readonly endpoints: Endpoints;
  readonly crossOrigin: CrossOrigin;
  /** Takes a request that no other route wants: true when it did. */
  readonly extra: (request: IncomingMessage, response: ServerResponse) => boolean;
}

/** Answers every HTTP request that is no upgrade. */
export async function answer(routes: Routes, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = pathOf(request);
  if (path === '/graphql') await answerGraphQL(routes, request, response);
  else if (await routes.endpoints(path, response)) return;
  else if (answerExtra(routes, request, response)) return;
  else if (path === '/' && routes.graphiql !== null) response.writeHead(302, { location: '/graphql' }).end();
  else sendJson(response, 404, { error: 'Nothing is here. GraphQL is at /graphql, health at /healthz and /readyz.' });
}

function answerExtra({ extra, crossOrigin }: Routes, request: IncomingMessage, response: ServerResponse): boolean {
  allowOrigin(crossOrigin, request, response);
  return extra(request, response);
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
