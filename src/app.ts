import { randomBytes } from 'node:crypto';

import type {
  AllConfig,
  BridgeConfig,
  Config,
  EmbeddedConfig,
  GatewayConfig,
  RedisConfig,
  ServeConfig,
  TokenConfig,
} from './config.ts';
import type { ServerOptions } from './graphql/server.ts';
import type { EventLog } from './log/log.ts';
import { type Check, readinessOf, serveEndpoints } from './operations/endpoints.ts';
import type { Logger } from './operations/logger.ts';
import { createMetrics, type Metrics } from './operations/metrics.ts';

export interface App {
  /** Where it is reached: the GraphQL endpoint, or for a bridge the root of its health endpoints. */
  readonly url: string;
  /** Drains and releases everything, the parts in the order in which they need each other. Within 10 s. */
  stop(): Promise<void>;
}

/** A running part: what `/readyz` says of it, and its end. */
interface Part {
  readonly health: () => Readonly<Record<string, Check>>;
  readonly stop: () => Promise<void>;
}

interface Tools {
  readonly metrics: Metrics;
  readonly logger: Logger;
  /** Told when something this process depends on must not be used and no waiting will change that. */
  readonly onUnusable: (error: Error) => void;
}

/**
 * Puts the parts of the configured role together. Parts are loaded by those who start them: a bridge has no use for GraphQL and a
 * gateway none for Kafka, and either would be megabytes held for nothing and a start that takes as long as that of both.
 *
 * @throws Error with a sentence for the operator where starting makes no sense (the port is taken); not for what may pass
 */
export async function startApp(config: Config, { logger, onUnusable }: Pick<Tools, 'logger' | 'onUnusable'>): Promise<App> {
  const tools = { logger, onUnusable, metrics: createMetrics() };
  if (config.mode === 'embedded') return startEmbedded(config, tools);
  switch (config.role) {
    case 'serve':
      return startServe(config, tools);
    case 'bridge':
      return startBridge(config, tools);
    case 'all':
      return startAll(config, tools);
  }
}

async function startEmbedded(config: EmbeddedConfig, tools: Tools): Promise<App> {
  const { logger, metrics } = tools;
  const [{ createMemoryLog }, { createReaper }, { createDevTokens }, { createShow }, { firstQuery }] = await Promise.all([
    import('./log/memory.ts'),
    import('./bridge/reaper.ts'),
    import('./auth/token.ts'),
    import('./embedded/show.ts'),
    import('./embedded/welcome.ts'),
  ]);
  const log = createMemoryLog();
  const invented = randomBytes(32).toString('base64url');
  const secret = config.tokens?.source.kind === 'secret' ? config.tokens.source.secret : invented;
  const { issuer, audience } = config.tokens ?? {};
  const tokens = createDevTokens(secret, {
    ...(issuer === undefined ? {} : { issuer }),
    ...(audience === undefined ? {} : { audience }),
  });
  const show = createShow({ log, tokens, logger });

  const gateway = await startGateway(config, log, tools, {
    tokens: config.tokens ?? { source: { kind: 'secret', secret } },
    cursorSecret: config.cursorSecret ?? invented,
    graphiql: config.gateway.graphiql && {
      defaultQuery: firstQuery,
      headers: { authorization: `Bearer ${await show.visitorToken()}` },
    },
    extraRoutes: (request, response) => show.handle(request, response),
    checks: () => ({}),
  });
  // There is no dead-letter topic here: an event that nobody acknowledged ends in the metric.
  const reaper = createReaper({
    log,
    logger,
    metrics,
    deadLetters: { send: () => Promise.resolve(), health: () => ({ ok: true }) },
  });
  reaper.start();
  show.begin();
  return {
    url: gateway.url,
    async stop() {
      show.stop();
      await Promise.all([gateway.stop(), reaper.stop()]);
      await log.close();
    },
  };
}

async function startServe(config: ServeConfig, tools: Tools): Promise<App> {
  const log = await openLog(config.redis, tools);
  const gateway = await startGateway(config, log, tools, { ...config, checks: () => ({ redis: log.health() }) });
  return {
    url: gateway.url,
    async stop() {
      await gateway.stop();
      await log.close();
    },
  };
}

async function startBridge(config: BridgeConfig, tools: Tools): Promise<App> {
  const log = await openLog(config.redis, tools);
  const feed = await startFeed(config, log, tools);
  const health = () => readinessOf({ redis: log.health(), ...feed.health() });
  const endpoints = await serveEndpoints({ host: config.host, port: config.port, health, metrics: tools.metrics });
  return {
    url: endpoints.url,
    async stop() {
      await feed.stop();
      await Promise.all([endpoints.stop(), log.close()]);
    },
  };
}

async function startAll(config: AllConfig, tools: Tools): Promise<App> {
  const log = await openLog(config.redis, tools);
  const feed = await startFeed(config, log, tools);
  const gateway = await startGateway(config, log, tools, { ...config, checks: () => ({ redis: log.health(), ...feed.health() }) });
  return {
    url: gateway.url,
    async stop() {
      await Promise.all([gateway.stop(), feed.stop()]);
      await log.close();
    },
  };
}

async function openLog(redis: RedisConfig, { logger, onUnusable }: Tools): Promise<EventLog> {
  const { createRedisLog } = await import('./log/redis.ts');
  const { url, prefix, hashTags, tlsCa } = redis;
  const log = createRedisLog({ url, prefix, hashTags, logger, ...(tlsCa === null ? {} : { tlsCa }) });
  log.ready.catch(onUnusable);
  return log;
}

/** Kafka → log, with the housekeeping that needs Kafka too. */
async function startFeed({ kafka: settings }: BridgeConfig | AllConfig, log: EventLog, tools: Tools): Promise<Part> {
  const [{ createKafka }, { createBridge }, { createReaper }] = await Promise.all([
    import('./bridge/kafka.ts'),
    import('./bridge/bridge.ts'),
    import('./bridge/reaper.ts'),
  ]);
  const logger = tools.logger.child({ part: 'bridge' });
  const { metrics } = tools;
  const kafka = createKafka({ ...settings, clientId: 'lifeline', logger, metrics });
  const parts = { log, deadLetters: kafka.deadLetters, logger, metrics };
  const bridge = createBridge({ ...parts, records: kafka.records });
  const reaper = createReaper(parts);
  bridge.start();
  reaper.start();
  return {
    // Told, never red: a process that is behind is at work, and one that is taken out of service would fall behind further.
    health: () => ({ ...bridge.health(), lag: { ok: true, messages: bridge.lag() } }),
    async stop() {
      await Promise.all([bridge.stop(), reaper.stop()]);
      await kafka.close();
    },
  };
}

interface GatewayParts extends Partial<Pick<ServerOptions, 'graphiql' | 'extraRoutes'>> {
  readonly tokens: TokenConfig;
  readonly cursorSecret: string;
  readonly checks: () => Readonly<Record<string, Check>>;
}

async function startGateway(
  config: { readonly host: string; readonly port: number; readonly gateway: GatewayConfig },
  log: EventLog,
  { logger, metrics }: Tools,
  { tokens, cursorSecret, checks, graphiql = config.gateway.graphiql, extraRoutes }: GatewayParts,
) {
  const [{ createVerifier }, { createDelivery }, { createServer }] = await Promise.all([
    import('./auth/token.ts'),
    import('./delivery/service.ts'),
    import('./graphql/server.ts'),
  ]);
  const { introspection, corsOrigins, publicUrl } = config.gateway;
  const verifier = createVerifier({ ...tokens, logger: logger.child({ part: 'auth' }) });
  const delivery = createDelivery({ log, metrics, logger: logger.child({ part: 'delivery' }) });
  const server = await createServer({
    host: config.host,
    port: config.port,
    delivery,
    authenticate: (token) => verifier.verify(token),
    cursorSecret,
    corsOrigins,
    introspection,
    graphiql,
    health: () => readinessOf({ ...checks(), tokens: verifier.health() }),
    metrics,
    admission: config.gateway,
    logger: logger.child({ part: 'graphql' }),
    ...(publicUrl === null ? {} : { publicUrl }),
    ...(extraRoutes === undefined ? {} : { extraRoutes }),
  });
  return {
    url: server.url,
    async stop() {
      await server.stop();
      await Promise.all([delivery.close(), verifier.close()]);
    },
  };
}
