import { z } from 'zod';

import { readPublicKey } from '../auth/public-key.ts';
import { parseRedisUrl } from '../redis-url.ts';

/** What `--help` and the operators' page say of a variable. */
export interface VariableNotes {
  readonly means: string;
  /** What holds when it is not set. */
  readonly otherwise: string;
  readonly group: 'Process' | 'Redis' | 'Kafka' | 'Tokens and cursors' | 'Browsers';
  /** Never quoted and never trimmed. Addresses are secrets too: they may carry a password. */
  readonly secret: boolean;
}

/** Notes of every variable, by its schema; `variables` is the table. */
export const notes = z.registry<VariableNotes>();

type Group = VariableNotes['group'];
const noted = <S extends z.ZodType>(group: Group, schema: S, means: string, otherwise: string): S => {
  notes.add(schema, { group, means, otherwise, secret: false });
  return schema;
};
const secret = <S extends z.ZodType>(group: Group, schema: S, means: string, otherwise: string): S => {
  notes.add(schema, { group, means, otherwise, secret: true });
  return schema;
};

// The problem of a schema says what is wrong and what to set; the name, and the value of what is no secret, go in front of it.
const text = z.string();
const toggle = () =>
  z
    .stringbool({ truthy: ['true', 'on'], falsy: ['false', 'off'], error: 'is neither on nor off: set it to true or false' })
    .optional();
const choice = <const T extends readonly string[]>(values: T) =>
  z
    .string()
    .toLowerCase()
    .pipe(z.enum(values, { error: `is unknown: set it to one of ${values.join(', ')}` }))
    .optional();
const wholeNumber = (least: number, most: number) =>
  z
    .string()
    .regex(/^\d{1,9}$/, `is not a whole number: set it to one from ${least} to ${most}`)
    .transform(Number)
    .refine((value) => value >= least && value <= most, `is out of range: set it to a whole number from ${least} to ${most}`)
    .optional();
const list = (item: RegExp, problem: string) =>
  text
    .transform((value) => [...new Set(value.split(',').map((part) => part.trim()))].filter((part) => part !== ''))
    .refine((items) => items.length > 0 && items.every((part) => item.test(part)), problem);
const address = (schemes: readonly string[], example: string) =>
  text.trim().superRefine((value, context) => {
    const report = (message: string) => context.addIssue({ code: 'custom', message });
    const url = URL.canParse(value) ? new URL(value) : null;
    if (url === null || url.hostname === '') report(`is not an address: set it to one like ${example}`);
    else if (!schemes.includes(url.protocol))
      report(`has another scheme than ${schemes.join('// or ')}//: set it to one like ${example}`);
    else if (url.username + url.password !== '') report('carries a user or password: set it without them');
  });
const redisAddress = () =>
  text.trim().superRefine((value, context) => {
    try {
      parseRedisUrl(value);
    } catch (error) {
      context.addIssue({ code: 'custom', message: error instanceof Error ? error.message : String(error) });
    }
  });

const broker = /^[A-Za-z0-9._-]{1,255}:(?:[1-5]?\d{1,4}|6[0-4]\d{3}|65[0-4]\d\d|655[0-2]\d|6553[0-5])$/; // kafkajs takes no IPv6 literals
const topicName = /^[A-Za-z0-9._-]{1,249}$/;
const topicProblem = 'is not a Kafka topic name: set it to letters, digits and . _ - (at most 249)';

/** Every variable there is: its syntax as a schema, and in `notes` what it means. What depends on several of them is in `config.ts`. */
export const variables = z.object({
  ROLE: noted(
    'Process',
    choice(['serve', 'bridge', 'all']),
    'What this process does, where the first argument does not say it: serve (gateway), bridge (Kafka to Redis) or all.',
    'all',
  ),
  HOST: noted(
    'Process',
    text.regex(/^[A-Za-z0-9.:_%-]{1,255}$/, 'is not a host: set it to a name or an address, without scheme or port').optional(),
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
    address(['http:', 'https:'], 'https://lifeline.example').optional(),
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
    redisAddress().optional(),
    'One server: redis://user:password@host:6379/0. Sentinel: redis+sentinel://user:password@host:26379,host:26379/master-name. ' +
      'Cluster: redis://user:password@host:6379,host:6379. TLS: rediss for redis. Needed by every role unless embedded.',
    'embedded, if KAFKA_BROKERS is not set either',
  ),
  REDIS_TLS_CA: noted(
    'Redis',
    text.optional(),
    'File with the certificates (PEM) that sign the servers of a rediss address, where the system does not know them.',
    "the system's",
  ),
  REDIS_PREFIX: noted(
    'Redis',
    text.regex(/^[A-Za-z0-9._-]{1,64}$/, 'is not a key prefix: set it to letters, digits and . _ - (at most 64)').optional(),
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
    list(broker, 'is not a list of brokers: set it to host:port, with commas between them').optional(),
    'Comma list of host:port. Needed by bridge and all unless embedded.',
    'embedded, if REDIS_URL is not set either',
  ),
  KAFKA_TOPICS: noted(
    'Kafka',
    list(topicName, topicProblem).optional(),
    'Comma list of the topics to read.',
    'rte-completion,call-notifications',
  ),
  KAFKA_DEAD_LETTER_TOPIC: noted(
    'Kafka',
    text.regex(topicName, topicProblem).optional(),
    'Where records go that cannot be delivered.',
    'lifeline-dead-letters',
  ),
  KAFKA_GROUP_ID: noted(
    'Kafka',
    text.max(249, 'is longer than 249 characters: set a shorter one').optional(),
    'Consumer group; the same for all bridges of one installation.',
    'lifeline-bridge',
  ),
  KAFKA_CREATE_TOPICS: noted(
    'Kafka',
    toggle(),
    'true: create missing topics (development).',
    'false: a missing topic keeps /readyz red',
  ),
  KAFKA_SSL: noted('Kafka', toggle(), 'true: talk TLS to the brokers.', 'false'),
  KAFKA_SSL_CA: noted(
    'Kafka',
    text.optional(),
    'File with the certificates (PEM) that sign the brokers, where the system does not know them.',
    "the system's",
  ),
  KAFKA_SASL_MECHANISM: noted(
    'Kafka',
    choice(['plain', 'scram-sha-256', 'scram-sha-512']),
    'plain, scram-sha-256 or scram-sha-512.',
    'no SASL',
  ),
  KAFKA_SASL_USERNAME: noted('Kafka', text.optional(), 'SASL user.', 'no SASL'),
  KAFKA_SASL_PASSWORD: secret('Kafka', text.optional(), 'SASL password.', 'no SASL'),

  JWT_JWKS_URL: secret(
    'Tokens and cursors',
    address(['http:', 'https:'], 'https://issuer.example/.well-known/jwks.json').optional(),
    "The issuer's key set (JWKS). serve and all need exactly one of the three JWT key variables unless embedded.",
    'one of the other two',
  ),
  JWT_PUBLIC_KEY: secret(
    'Tokens and cursors',
    text
      .superRefine((value, context) => {
        try {
          readPublicKey(value);
        } catch (error) {
          context.addIssue({
            code: 'custom',
            message: `cannot be used: ${error instanceof Error ? error.message : String(error)}`,
          });
        }
      })
      .optional(),
    String.raw`The issuer's public key (PEM; line breaks may be written as \n): RSA, EC P-256, P-384, P-521 or Ed25519.`,
    'one of the other two',
  ),
  JWT_SECRET: secret(
    'Tokens and cursors',
    text.optional(),
    'The secret that HS256 tokens are signed with; 32 bytes or more.',
    'one of the other two; embedded invents one',
  ),
  JWT_ISSUER: noted('Tokens and cursors', text.optional(), 'The only `iss` accepted.', 'any'),
  JWT_AUDIENCE: noted('Tokens and cursors', text.optional(), 'Must be among the `aud` of a token.', 'any'),
  CURSOR_SECRET: secret(
    'Tokens and cursors',
    text.min(32, 'is too short: set it to at least 32 random characters, the same for all gateways').optional(),
    'Signs cursors; at least 32 characters, the same for all gateways. Needed by serve and all unless embedded.',
    'embedded invents one',
  ),

  CORS_ORIGINS: noted(
    'Browsers',
    list(
      /^(\*|https?:\/\/[A-Za-z0-9.:[\]-]{1,255})$/,
      'is not a list of origins: set it to scheme://host[:port], with commas between them, no path',
    ).optional(),
    'Comma list of the origins whose pages may call us; * is any, without credentials.',
    'our own only',
  ),
  INTROSPECTION: noted('Browsers', toggle(), 'off: nobody may ask for the schema.', 'on'),
  GRAPHIQL: noted('Browsers', toggle(), 'on: the GraphiQL page at /graphql.', 'on embedded, off otherwise'),
});

export type VariableName = keyof typeof variables.shape;
