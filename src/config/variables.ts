import { readPublicKey } from '../auth/public-key.ts';
import { parseRedisUrl } from '../redis-url.ts';
import { acceptedBy, address, choice, list, matching, ofLength, type Reader, text, toggle, wholeNumber } from './readers.ts';

/** What `--help` and the operators' page say of a variable. */
export interface VariableNotes {
  readonly means: string;
  /** What holds when it is not set. */
  readonly otherwise: string;
  readonly group: 'Process' | 'Redis' | 'Kafka' | 'Tokens and cursors' | 'Browsers';
  /** Never quoted and never trimmed. Addresses are secrets too: they may carry a password. */
  readonly secret: boolean;
}

interface Variable<T> extends VariableNotes {
  readonly read: Reader<T>;
}

type Group = VariableNotes['group'];
const noted = <T>(group: Group, read: Reader<T>, means: string, otherwise: string): Variable<T> => ({
  read,
  group,
  means,
  otherwise,
  secret: false,
});
const secret = <T>(group: Group, read: Reader<T>, means: string, otherwise: string): Variable<T> => ({
  ...noted(group, read, means, otherwise),
  secret: true,
});

const broker = /^[A-Za-z0-9._-]{1,255}:(?:[1-5]?\d{1,4}|6[0-4]\d{3}|65[0-4]\d\d|655[0-2]\d|6553[0-5])$/; // kafkajs takes no IPv6 literals
/** With the blanks around it that a secret keeps. */
const redisAddress: Reader<string> = (value) => acceptedBy(parseRedisUrl)(value.trim());
const topicName = /^[A-Za-z0-9._-]{1,249}$/;
const topicProblem = 'is not a Kafka topic name: set it to letters, digits and . _ - (at most 249)';

/**
 * Every variable there is: how it is read and what it means. What depends on several of them is in `config.ts`. Read by hand, because a
 * validation library is some megabytes that every process would hold for ever after the first milliseconds of its life.
 */
export const variables = {
  ROLE: noted(
    'Process',
    choice(['serve', 'bridge', 'all']),
    'What this process does, where the first argument does not say it: serve (gateway), bridge (Kafka to Redis) or all.',
    'all',
  ),
  HOST: noted(
    'Process',
    matching(/^[A-Za-z0-9.:_%-]{1,255}$/, 'is not a host: set it to a name or an address, without scheme or port'),
    'Listen address.',
    '127.0.0.1 embedded, 0.0.0.0 otherwise',
  ),
  PORT: noted(
    'Process',
    wholeNumber(0, 65_535),
    'Listen port: GraphQL over HTTP, SSE and WebSocket on /graphql; 0 picks a free one.',
    '4000',
  ),
  PUBLIC_URL: secret(
    'Process',
    address(['http:', 'https:'], 'https://lifeline.example'),
    'The address that clients use, where it is not the one in their requests.',
    "each request's own host",
  ),
  LOG_LEVEL: noted(
    'Process',
    choice(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']),
    'JSON lines on stdout: trace, debug, info, warn, error, fatal or silent.',
    'info',
  ),
  MAX_CONNECTIONS: noted(
    'Process',
    wholeNumber(1, 1_000_000),
    'WebSockets and event streams above which this process refuses further ones (HTTP 503).',
    'no limit',
  ),
  MAX_CONNECTIONS_PER_ADDRESS: noted(
    'Process',
    wholeNumber(1, 1_000_000),
    'The same from one client address, an IPv6 one counted by its /64 (HTTP 429).',
    'no limit',
  ),
  TRUSTED_PROXIES: noted(
    'Process',
    wholeNumber(0, 10),
    'Proxies in front of this process that append to X-Forwarded-For, so that the client address is read from there.',
    "0: the TCP connection's other end",
  ),

  REDIS_URL: secret(
    'Redis',
    redisAddress,
    'One server: redis://user:password@host:6379/0. Sentinel: redis+sentinel://user:password@host:26379,host:26379/master-name. ' +
      'Cluster: redis://user:password@host:6379,host:6379. TLS: rediss for redis. Needed by every role unless embedded.',
    'embedded, if KAFKA_BROKERS is not set either',
  ),
  REDIS_TLS_CA: noted(
    'Redis',
    text,
    'File with the certificates (PEM) that sign the servers of a rediss address, where the system does not know them.',
    "the system's",
  ),
  REDIS_PREFIX: noted(
    'Redis',
    matching(/^[A-Za-z0-9._-]{1,64}$/, 'is not a key prefix: set it to letters, digits and . _ - (at most 64)'),
    'First part of every key; installations that share a Redis need one each.',
    'lifeline',
  ),
  REDIS_HASH_TAGS: noted(
    'Redis',
    wholeNumber(1, 16_384),
    'Parts the log is cut into. The same in every process, and fixed once there is data.',
    '128',
  ),

  KAFKA_BROKERS: noted(
    'Kafka',
    list(broker, 'is not a list of brokers: set it to host:port, with commas between them'),
    'Comma list of host:port. Needed by bridge and all unless embedded.',
    'embedded, if REDIS_URL is not set either',
  ),
  KAFKA_TOPICS: noted(
    'Kafka',
    list(topicName, topicProblem),
    'Comma list of the topics to read.',
    'rte-completion,call-notifications',
  ),
  KAFKA_DEAD_LETTER_TOPIC: noted(
    'Kafka',
    matching(topicName, topicProblem),
    'Where records go that cannot be delivered.',
    'lifeline-dead-letters',
  ),
  KAFKA_GROUP_ID: noted(
    'Kafka',
    ofLength(1, 249, 'is longer than 249 characters: set a shorter one'),
    'Consumer group; the same for all bridges of one installation.',
    'lifeline-bridge',
  ),
  KAFKA_CREATE_TOPICS: noted(
    'Kafka',
    toggle,
    'true: create missing topics (development).',
    'false: a missing topic keeps /readyz red',
  ),
  KAFKA_SSL: noted('Kafka', toggle, 'true: talk TLS to the brokers.', 'false'),
  KAFKA_SSL_CA: noted(
    'Kafka',
    text,
    'File with the certificates (PEM) that sign the brokers, where the system does not know them.',
    "the system's",
  ),
  KAFKA_SASL_MECHANISM: noted(
    'Kafka',
    choice(['plain', 'scram-sha-256', 'scram-sha-512']),
    'plain, scram-sha-256 or scram-sha-512.',
    'no SASL',
  ),
  KAFKA_SASL_USERNAME: noted('Kafka', text, 'SASL user.', 'no SASL'),
  KAFKA_SASL_PASSWORD: secret('Kafka', text, 'SASL password.', 'no SASL'),

  JWT_JWKS_URL: secret(
    'Tokens and cursors',
    address(['http:', 'https:'], 'https://issuer.example/.well-known/jwks.json'),
    "The issuer's key set (JWKS). serve and all need exactly one of the three JWT key variables unless embedded.",
    'one of the other two',
  ),
  JWT_PUBLIC_KEY: secret(
    'Tokens and cursors',
    acceptedBy(readPublicKey, 'cannot be used: '),
    String.raw`The issuer's public key (PEM; line breaks may be written as \n): RSA, EC P-256, P-384, P-521 or Ed25519.`,
    'one of the other two',
  ),
  JWT_SECRET: secret(
    'Tokens and cursors',
    text,
    'The secret that HS256 tokens are signed with; 32 bytes or more.',
    'one of the other two; embedded invents one',
  ),
  JWT_ISSUER: noted('Tokens and cursors', text, 'The only `iss` accepted.', 'any'),
  JWT_AUDIENCE: noted('Tokens and cursors', text, 'Must be among the `aud` of a token.', 'any'),
  CURSOR_SECRET: secret(
    'Tokens and cursors',
    ofLength(32, Infinity, 'is too short: set it to at least 32 random characters, the same for all gateways'),
    'Signs cursors; at least 32 characters, the same for all gateways. Needed by serve and all unless embedded.',
    'embedded invents one',
  ),

  CORS_ORIGINS: noted(
    'Browsers',
    list(
      /^(\*|https?:\/\/[A-Za-z0-9.:[\]-]{1,255})$/,
      'is not a list of origins: set it to scheme://host[:port], with commas between them, no path',
    ),
    'Comma list of the origins whose pages may call us; * is any, without credentials.',
    'our own only',
  ),
  INTROSPECTION: noted('Browsers', toggle, 'off: nobody may ask for the schema.', 'on'),
  GRAPHIQL: noted('Browsers', toggle, 'on: the GraphiQL page at /graphql.', 'on embedded, off otherwise'),
} as const satisfies Readonly<Record<string, Variable<unknown>>>;

export type VariableName = keyof typeof variables;
