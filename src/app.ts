import { randomBytes } from 'node:crypto';

import { createDevTokens, createVerifier, type Verifier } from './auth/token.ts';
import { createBridge } from './bridge/bridge.ts';
import { createKafka } from './bridge/kafka.ts';
import { createReaper } from './bridge/reaper.ts';
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
import { createDelivery } from './delivery/service.ts';
import { createDevEndpoints } from './embedded/dev-endpoints.ts';
import { createIngest } from './embedded/ingest.ts';
import { openPage } from './embedded/page.ts';
import { createStage } from './embedded/stage.ts';
import { storyAccount, storyMember, tellStory } from './embedded/story.ts';
import { firstQuery } from './embedded/welcome.ts';
import { createServer, type ServerOptions } from './graphql/server.ts';
import type { EventLog } from './log/log.ts';
import { createMemoryLog } from './log/memory.ts';
import { createRedisLog } from './log/redis.ts';
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
 * Puts the parts of the configured role together.
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
  const log = createMemoryLog();
  const ingest = createIngest(log);
  const invented = randomBytes(32).toString('base64url');
  const secret = config.tokens?.source.kind === 'secret' ? config.tokens.source.secret : invented;
  const { issuer, audience } = config.tokens ?? {};
  const tokens = createDevTokens(secret, {
    ...(issuer === undefined ? {} : { issuer }),
    ...(audience === undefined ? {} : { audience }),
  });
  const stage = createStage(ingest, logger);
  const dev = createDevEndpoints({ tokens, ingest, stage, logger });
  const page = openPage(logger);
  const token = await tokens.issue({ member: storyMember, accounts: [storyAccount], ttlSeconds: 30 * 24 * 3_600 });

  const gateway = await startGateway(config, log, tools, {
    tokens: config.tokens ?? { source: { kind: 'secret', secret } },
    cursorSecret: config.cursorSecret ?? invented,
    graphiql: config.gateway.graphiql && { defaultQuery: firstQuery, headers: { authorization: `Bearer ${token}` } },
    extraRoutes: (request, response) => dev.handle(request, response) || page?.handle(request, response) === true,
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
  const story = tellStory(stage);
  return {
    url: gateway.url,
    async stop() {
      story.stop();
      stage.stop();
      await Promise.all([gateway.stop(), reaper.stop()]);
      await log.close();
    },
  };
}

async function startServe(config: ServeConfig, tools: Tools): Promise<App> {
  const log = openLog(config.redis, tools);
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
  const log = openLog(config.redis, tools);
  const feed = startFeed(config, log, tools);
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
  const log = openLog(config.redis, tools);
  const feed = startFeed(config, log, tools);
  const gateway = await startGateway(config, log, tools, { ...config, checks: () => ({ redis: log.health(), ...feed.health() }) });
  return {
    url: gateway.url,
    async stop() {
      await Promise.all([gateway.stop(), feed.stop()]);
      await log.close();
    },
  };
}

function openLog(redis: RedisConfig, { logger, onUnusable }: Tools): EventLog {
  const { url, prefix, hashTags, tlsCa } = redis;
  const log = createRedisLog({ url, prefix, hashTags, logger, ...(tlsCa === null ? {} : { tlsCa }) });
  log.ready.catch(onUnusable);
  return log;
}

/** Kafka → log, with the housekeeping that needs Kafka too. */
function startFeed({ kafka: settings }: BridgeConfig | AllConfig, log: EventLog, tools: Tools): Part {
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
  const { introspection, corsOrigins, publicUrl } = config.gateway;
  const verifier: Verifier = createVerifier({ ...tokens, logger: logger.child({ part: 'auth' }) });
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
