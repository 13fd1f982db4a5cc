import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';

import { listen } from './listen.ts';
import type { Metrics } from './metrics.ts';

/** Whether this process can do its work now, each thing it needs by name. */
export interface Readiness {
  readonly ready: boolean;
  readonly checks: Readonly<Record<string, Check>>;
}
/** `messages`: how far behind, where that is no reason not to be ready. */
export type Check = { readonly ok: true; readonly messages?: number } | { readonly ok: false; readonly reason: string };

export function readinessOf(checks: Readonly<Record<string, Check>>): Readiness {
  return { ready: Object.values(checks).every(({ ok }) => ok), checks };
}

/** Answers `/healthz`, `/readyz` and `/metrics`, the same for every role; false for any other path, which is left alone. */
export type Endpoints = (path: string, response: ServerResponse) => Promise<boolean>;

export function createEndpoints({ health, metrics }: { health: () => Readiness; metrics: Metrics }): Endpoints {
  const look = () => {
    const readiness = health();
    for (const [check, { ok }] of Object.entries(readiness.checks)) metrics.ready.set({ check }, ok ? 1 : 0);
    return readiness;
  };
  return async (path, response) => {
    switch (path) {
      case '/healthz':
        sendJson(response, 200, { status: 'alive' });
        return true;
      case '/readyz': {
        const { ready, checks } = look();
        sendJson(response, ready ? 200 : 503, { status: ready ? 'ready' : 'not ready', checks });
        return true;
      }
      case '/metrics': {
        look();
        const text = await metrics.registry.metrics();
        response.writeHead(200, { 'content-type': metrics.registry.contentType }).end(text);
        return true;
      }
      default:
        return false;
    }
  };
}

/** Of what a request asks for; not by `URL`, which throws for some of what it may ask for, as `//`. */
export function pathOf(request: IncomingMessage): string {
  return request.url?.split('?', 1)[0] ?? '/';
}

export function sendJson(response: ServerResponse, status: number, body: object, headers: Record<string, string> = {}): void {
  const text = `${JSON.stringify(body)}\n`;
  response
    .writeHead(status, { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store', ...headers })
    .end(text);
}

export interface EndpointsServer {
  readonly url: string;
  stop(): Promise<void>;
}

/** The endpoints alone on a port, for a process that serves nothing else. */
export async function serveEndpoints({
  host,
  port,
  ...parts
}: {
  readonly host: string;
  readonly port: number;
  readonly health: () => Readiness;
  readonly metrics: Metrics;
}): Promise<EndpointsServer> {
  const answer = createEndpoints(parts);
  const handle = async (request: IncomingMessage, response: ServerResponse) => {
    const taken = await answer(pathOf(request), response);
    if (!taken) sendJson(response, 404, { error: 'This process is a bridge: it has /healthz, /readyz and /metrics.' });
  };
  const http = createServer((request, response) => {
    handle(request, response).catch(() => response.destroy());
  });
  const address = await listen(http, { host, port });
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${address.port}`,
    async stop() {
      const closed = new Promise((resolve) => http.close(resolve));
      http.closeAllConnections();
      await closed;
    },
  };
}
