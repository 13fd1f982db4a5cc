import type { TokenSource } from './auth/token.ts';
import { readCertificates } from './config/certificates.ts';
import { nearMisses } from './config/near-miss.ts';
import { contradictions, defaultDeadLetterTopic, defaultTopics, doubts, missing } from './config/rules.ts';
import { presentIn, readVariables, type Environment, type Role, type Settings } from './config/settings.ts';

export type Config = EmbeddedConfig | ServeConfig | BridgeConfig | AllConfig;

/** Everything in one process, nothing kept. */
export interface EmbeddedConfig extends ProcessConfig {
  readonly mode: 'embedded';
  readonly role: 'all';
  readonly gateway: GatewayConfig;
  /** Null where the process has to invent a key. */
  readonly tokens: TokenConfig | null;
  readonly cursorSecret: string | null;
}
export interface ServeConfig extends ProcessConfig, ServingConfig {
  readonly mode: 'connected';
  readonly role: 'serve';
}
export interface BridgeConfig extends ProcessConfig {
  readonly mode: 'connected';
  readonly role: 'bridge';
  readonly redis: RedisConfig;
  readonly kafka: KafkaConfig;
}
export interface AllConfig extends ProcessConfig, ServingConfig {
  readonly mode: 'connected';
  readonly role: 'all';
  readonly kafka: KafkaConfig;
}

interface ProcessConfig {
  readonly host: string;
  readonly port: number;
  readonly logLevel: string;
  /** What looks wrong and still lets us start, a sentence each, free of values: for the log. */
  readonly warnings: readonly string[];
}
interface ServingConfig {
  readonly gateway: GatewayConfig;
  readonly tokens: TokenConfig;
  readonly cursorSecret: string;
  readonly redis: RedisConfig;
}
export interface GatewayConfig {
  readonly introspection: boolean;
  readonly graphiql: boolean;
  /** `*` among them: any origin, without credentials. */
  readonly corsOrigins: readonly string[];
  readonly publicUrl: string | null;
  /** Null: no limit. */
  readonly maxConnections: number | null;
  readonly maxConnectionsPerAddress: number | null;
  readonly trustedProxies: number;
}
export interface TokenConfig {
  readonly source: TokenSource;
  readonly issuer?: string;
  readonly audience?: string;
}
export interface RedisConfig {
  readonly url: string;
  /** Certificates in PEM; null: the system's. */
  readonly tlsCa: string | null;
  readonly prefix: string;
  readonly hashTags: number;
}
export interface KafkaConfig {
  readonly brokers: readonly string[];
  readonly topics: readonly string[];
  readonly deadLetterTopic: string;
  readonly groupId: string;
  readonly createTopics: boolean;
  readonly ssl: { readonly ca: string | null } | null;
  readonly sasl: {
    readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512';
    readonly username: string;
    readonly password: string;
  } | null;
}

/** Its message lists every problem, one a line, slips last, ready to be shown to the operator; the exit code for it is 2. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(`Lifeline cannot start with these settings:\n${problems.map((problem) => `  ${problem}`).join('\n')}`);
    this.problems = problems;
  }
}

/**
 * The only reader of the environment.
 *
 * @param argv what follows the program's name; the first one, where there is one, is the role
 * @throws ConfigError
 */
export function loadConfig(env: Environment = process.env, argv: readonly string[] = []): Config {
  const problems: string[] = [];
  const present = presentIn(env);
  const settings = readVariables(present, problems);
  const role = chooseRole(argv[0], settings.ROLE, problems);
  const embedded = role === 'all' && present.REDIS_URL === undefined && present.KAFKA_BROKERS === undefined;
  problems.push(...missing(role, embedded, present), ...contradictions(present, settings));
  const redisCa = readCertificates('REDIS_TLS_CA', present.REDIS_TLS_CA, problems);
  const kafkaCa = readCertificates('KAFKA_SSL_CA', present.KAFKA_SSL_CA, problems);
  if (problems.length > 0) throw new ConfigError([...problems, ...nearMisses(env)]); // a slip often is the cause

  const common = {
    host: settings.HOST ?? (embedded ? '127.0.0.1' : '0.0.0.0'),
    port: settings.PORT ?? 4000,
    logLevel: settings.LOG_LEVEL ?? 'info',
    warnings: [...nearMisses(env), ...doubts(embedded, present)],
  };
  const gateway: GatewayConfig = {
    introspection: settings.INTROSPECTION ?? true,
    graphiql: settings.GRAPHIQL ?? embedded,
    corsOrigins: settings.CORS_ORIGINS ?? [],
    publicUrl: settings.PUBLIC_URL ?? null,
    maxConnections: settings.MAX_CONNECTIONS ?? null,
    maxConnectionsPerAddress: settings.MAX_CONNECTIONS_PER_ADDRESS ?? null,
    trustedProxies: settings.TRUSTED_PROXIES ?? 0,
  };
  const tokens = tokenConfig(settings);
  const cursorSecret = settings.CURSOR_SECRET ?? null;
  if (embedded) return deepFreeze({ mode: 'embedded', role: 'all', ...common, gateway, tokens, cursorSecret });

  const redis = redisConfig(settings, redisCa);
  const kafka = kafkaConfig(settings, kafkaCa);
  const base = { mode: 'connected', ...common } as const;
  if (role === 'bridge' && redis !== null && kafka !== null) return deepFreeze({ ...base, role, redis, kafka });
  if (redis !== null && tokens !== null && cursorSecret !== null) {
    const serving = { gateway, tokens, cursorSecret, redis };
    if (role === 'serve') return deepFreeze({ ...base, role, ...serving });
    if (role === 'all' && kafka !== null) return deepFreeze({ ...base, role, ...serving, kafka });
  }
  throw new ConfigError([`The role ${role} misses a setting.`]); // not reached while `missing` lists what is asked for above
}

function chooseRole(argument: string | undefined, variable: Role | undefined, problems: string[]): Role {
  if (argument === undefined) return variable ?? 'all';
  if (!isRole(argument)) {
    problems.push(`The role "${argument}" is unknown: give one of ${roles.join(', ')} as the first argument`);
    return variable ?? 'all';
  }
  if (variable !== undefined && variable !== argument) {
    problems.push(`ROLE=${variable} contradicts the first argument, ${argument}: drop one of them`);
  }
  return argument;
}

const roles = ['serve', 'bridge', 'all'] as const satisfies readonly Role[];

function isRole(value: string): value is Role {
  return roles.some((role) => role === value);
}

function tokenConfig(settings: Settings): TokenConfig | null {
  const source = tokenSource(settings);
  if (source === null) return null;
  return {
    source,
    ...(settings.JWT_ISSUER === undefined ? {} : { issuer: settings.JWT_ISSUER }),
    ...(settings.JWT_AUDIENCE === undefined ? {} : { audience: settings.JWT_AUDIENCE }),
  };
}

function tokenSource(settings: Settings): TokenSource | null {
  if (settings.JWT_JWKS_URL !== undefined) return { kind: 'jwks', url: settings.JWT_JWKS_URL };
  if (settings.JWT_PUBLIC_KEY !== undefined) return { kind: 'public-key', pem: settings.JWT_PUBLIC_KEY };
  if (settings.JWT_SECRET !== undefined) return { kind: 'secret', secret: settings.JWT_SECRET };
  return null;
}

function redisConfig(settings: Settings, tlsCa: string | null): RedisConfig | null {
  if (settings.REDIS_URL === undefined) return null;
  return {
    url: settings.REDIS_URL,
    tlsCa,
    prefix: settings.REDIS_PREFIX ?? 'lifeline',
    hashTags: settings.REDIS_HASH_TAGS ?? 128,
  };
}

function kafkaConfig(settings: Settings, ca: string | null): KafkaConfig | null {
  if (settings.KAFKA_BROKERS === undefined) return null;
  const { KAFKA_SASL_MECHANISM: mechanism, KAFKA_SASL_USERNAME: username, KAFKA_SASL_PASSWORD: password } = settings;
  return {
    brokers: settings.KAFKA_BROKERS,
    topics: settings.KAFKA_TOPICS ?? defaultTopics,
    deadLetterTopic: settings.KAFKA_DEAD_LETTER_TOPIC ?? defaultDeadLetterTopic,
    groupId: settings.KAFKA_GROUP_ID ?? 'lifeline-bridge',
    createTopics: settings.KAFKA_CREATE_TOPICS ?? false,
    ssl: settings.KAFKA_SSL === true ? { ca } : null,
    sasl: mechanism === undefined || username === undefined || password === undefined ? null : { mechanism, username, password },
  };
}

function deepFreeze<T extends object>(value: T): T {
  for (const part of Object.values(value)) if (typeof part === 'object' && part !== null) deepFreeze(part as object); // no class instances in a Config
  return Object.freeze(value);
}
