import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';

import type { Principal } from '../auth/allow.ts';
import type { DeliveryService } from '../delivery/delivery.ts';
import { LifelineError } from '../errors.ts';
import { createEndpoints, pathOf, type Readiness, sendJson } from '../operations/endpoints.ts';
import { listen } from '../operations/listen.ts';
import type { Logger } from '../operations/logger.ts';
import type { Metrics } from '../operations/metrics.ts';
import { type Addresses, createAddresses } from './addresses.ts';
import { type AdmissionLimits, createAdmission, type GiveBack, retryAfterSeconds } from './admission.ts';
import { createClientErrors } from './client-error.ts';
import type { Services } from './connection.ts';
import { createCredentials } from './credentials.ts';
import { createCursors } from './cursor.ts';
import { atMost } from './deadline.ts';
import { createEngine } from './engine.ts';
import { createGraphiQL, type GraphiQLOptions } from './graphiql.ts';
import { createHttpOperations } from './http-operations.ts';
import { mayUpgrade } from './origin.ts';
import { answer, type Routes } from './requests.ts';
import { schema } from './schema.ts';
import { createWatchdog } from './watchdog.ts';
import { createWebSockets } from './websocket.ts';
import { createYogaHandler } from './yoga.ts';

export interface ServerOptions {
  readonly host: string;
  /** 0 picks one. */
  readonly port: number;
  readonly delivery: DeliveryService;
  /** @throws LifelineError UNAUTHENTICATED for a token that does not hold, UNAVAILABLE when that cannot be found out now */
  readonly authenticate: (token: string) => Promise<Principal>;
  /** Signs cursors; the same on all gateways. */
  readonly cursorSecret: string;
  /** Origins of pages on other hosts that may use this server; empty: none. */
  readonly corsOrigins: readonly string[];
  readonly introspection: boolean;
  readonly graphiql: boolean | GraphiQLOptions;
  readonly health: () => Readiness;
  readonly metrics: Metrics;
  readonly logger: Logger;
  /** As clients reach this server, where the Host header does not tell, e.g. `https://events.example`. */
  readonly publicUrl?: string;
  /** Answers requests to further paths: true when it takes the request. */
  readonly extraRoutes?: (request: IncomingMessage, response: ServerResponse) => boolean;
  /** Further WebSockets and event streams are refused with HTTP 503 or 429. */
  readonly admission: AdmissionLimits;
  readonly now?: () => number;
}

export interface Server {
  /** Of the GraphQL endpoint. */
  readonly url: string;
  readonly port: number;
  /** Drains and closes, within 8 s: clients are asked to come back elsewhere, streams end, what is left is cut. */
  stop(): Promise<void>;
}

/** Until stop() has taken everything down, what clients of kept-alive connections are told. */
const draining = 'The server restarts. Connect again.';

/** For requests and streams in flight when the sockets are gone; with the drain of those (5 s at most) within the 8 s of a stop. */
const answerWithinMs = 2_000;

/** GraphQL over HTTP, Server-Sent Events and WebSocket on one port, with its health and metrics beside it. */
export async function createServer(options: ServerOptions): Promise<Server> {
  const { host, delivery, metrics, logger, publicUrl, now = Date.now } = options;
  const errors = createClientErrors({ logger, metrics });
  const engine = createEngine({ schema, errors, introspection: options.introspection });
  const credentials = createCredentials(options.authenticate, metrics);
  const cursors = createCursors(options.cursorSecret);
  const watchdog = createWatchdog({ metrics, logger });
  let local = '';
  const shared = { delivery, cursors, authenticate: credentials.verify };
  const addressesOf = createAddresses(publicUrl, () => local);
  /** The same for all who come by one name: every connection holds them. */
  const servicesAt = new WeakMap<Addresses, Services>();
  const contextOf = (request: IncomingMessage): Services => {
    const addresses = addressesOf(request);
    const services = servicesAt.get(addresses) ?? { ...shared, addresses };
    servicesAt.set(addresses, services);
    return services;
  };

  const admission = createAdmission(options.admission, metrics);
  const operations = createHttpOperations({ admission, credentials, contextOf, watchdog, now });
  const sockets = createWebSockets({
    engine,
    errors,
    credentials,
    servicesFor: contextOf,
    watchdog,
    metrics,
    logger,
    now,
  });
  const crossOrigin = { origins: options.corsOrigins, publicUrl };
  const routes: Routes = {
    graphql: createYogaHandler({ engine, errors, contextOf: operations.contextFor }),
    graphiql: options.graphiql === false ? null : createGraphiQL(options.graphiql === true ? {} : options.graphiql),
    endpoints: createEndpoints({ health: options.health, metrics }),
    crossOrigin,
    extra: options.extraRoutes ?? (() => false),
  };

  let stopping = false;
  // Slow requests are bounded by Node, which looks for them every 30 s unless told otherwise; an idle connection lives longer than those that load balancers keep (60 s), so that they hang up first.
  const http = createHttpServer(
    { headersTimeout: 10_000, requestTimeout: 30_000, keepAliveTimeout: 65_000, connectionsCheckingInterval: 1_000 },
    (request, response) => {
      // Nobody reads and nobody writes: for plain answers that the client does not take. Streams have the watchdog, WebSockets ws; those never
      // come here, where a timer of the whole server would have left one with each of them.
      request.socket.setTimeout(30_000);
      if (stopping) {
        sendJson(response, 503, { error: draining }, { connection: 'close' });
        return;
      }
      answer(routes, request, response).catch((error: unknown) => {
        const { message, extensions } = errors.from(error);
        if (response.headersSent) response.destroy();
        else sendJson(response, 500, { errors: [{ message, extensions }] });
      });
    },
  );
  http.on('upgrade', (request, socket, head) => {
    if (stopping) refuseUpgrade(socket, 503, draining);
    else if (pathOf(request) !== '/graphql') refuseUpgrade(socket, 404, 'WebSockets are at /graphql.');
    else if (!mayUpgrade(crossOrigin, request)) refuseUpgrade(socket, 403, 'Pages of this origin may not connect.');
    else {
      let giveBack: GiveBack;
      try {
        giveBack = admission.admit(request);
      } catch (error) {
        const { message, extensions } = errors.from(error);
        refuseUpgrade(socket, extensions['code'] === 'RATE_LIMITED' ? 429 : 503, message);
        return;
      }
      sockets.upgrade(request, socket, head, giveBack);
    }
  });

  const { port } = await listen(http, options).catch((error: unknown) => {
    watchdog.stop();
    throw error;
  });
  local = `http://${host.includes(':') ? `[${host}]` : host}:${String(port)}`;

  const stop = async () => {
    stopping = true;
    const closed = new Promise((resolve) => http.close(resolve));
    // close() hangs up on who is idle now; those whose last request is being answered become idle later.
    const reaper = setInterval(() => http.closeIdleConnections(), 50);
    operations.end(new LifelineError('UNAVAILABLE', draining));
    await sockets.drain();
    await atMost(answerWithinMs, closed);
    clearInterval(reaper);
    http.closeAllConnections();
    await closed;
    watchdog.stop();
  };
  let stopped: Promise<void> | undefined;
  return { url: `${local}/graphql`, port, stop: () => (stopped ??= stop()) };
}

function refuseUpgrade(socket: Duplex, status: number, sentence: string): void {
  socket.on('error', () => {}); // the client may be gone already, and nothing else listens on a refused socket
  const body = `${JSON.stringify({ error: sentence })}\n`;
  const head = [
    `HTTP/1.1 ${String(status)} Refused`,
    'Connection: close',
    'Content-Type: application/json; charset=utf-8',
    `Content-Length: ${String(Buffer.byteLength(body))}`,
    ...(status === 503 || status === 429 ? [`Retry-After: ${String(retryAfterSeconds)}`] : []),
  ];
  // Destroyed once it is said: the client's half would stay open otherwise, and a stop would wait for it.
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy());
}
