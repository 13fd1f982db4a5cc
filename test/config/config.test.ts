import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, describe, expect, test } from 'vitest';

import { ConfigError, loadConfig } from '../../src/config.ts';
import { signingKey } from '../auth/issuer.ts';

const cursorSecret = 'c'.repeat(32);
const jwtSecret = 's'.repeat(32);
const serve = { ROLE: 'serve', REDIS_URL: 'redis://redis:6379', JWT_SECRET: jwtSecret, CURSOR_SECRET: cursorSecret };
const bridge = { ROLE: 'bridge', REDIS_URL: 'redis://redis:6379', KAFKA_BROKERS: 'kafka:9092' };
const all = { ...serve, ...bridge, ROLE: 'all' };

type Env = Readonly<Record<string, string | undefined>>;
const problemsOf = (env: Env, argv: readonly string[] = []): readonly string[] => {
  try {
    loadConfig(env, argv);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
};

const folder = mkdtempSync(join(tmpdir(), 'lifeline-config-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('the mode', () => {
  test('is embedded with nothing set, and then listens to this machine only', () => {
    expect(loadConfig({})).toEqual({
      mode: 'embedded',
      role: 'all',
      host: '127.0.0.1',
      port: 4000,
      logLevel: 'info',
      warnings: [],
      gateway: {
        introspection: true,
        graphiql: true,
        corsOrigins: [],
        publicUrl: null,
        maxConnections: null,
        maxConnectionsPerAddress: null,
        trustedProxies: 0,
      },
      tokens: null,
      cursorSecret: null,
    });
  });

  test('counts empty and blank values as not set', () => {
    const empty = Object.fromEntries(Object.keys(all).map((name) => [name, '']));
    expect(loadConfig({ ...empty, PORT: '  ' })).toMatchObject({ mode: 'embedded', port: 4000 });
  });

  test('embedded takes a token source and a cursor secret where they are given', () => {
    expect(loadConfig({ JWT_SECRET: jwtSecret, JWT_ISSUER: 'me', CURSOR_SECRET: cursorSecret })).toMatchObject({
      tokens: { source: { kind: 'secret', secret: jwtSecret }, issuer: 'me' },
      cursorSecret,
    });
  });

  test.for(['serve', 'bridge'])('embedded is refused to the role %s with a sentence that says so', (role) => {
    expect(problemsOf({}, [role])[0]).toMatch(
      new RegExp(`^REDIS_URL is not set and the role ${role} needs it: set it to .*embedded`),
    );
  });

  test('is connected as soon as one of Redis and Kafka is set, and the other one is missed then', () => {
    expect(problemsOf({ ...all, KAFKA_BROKERS: undefined })).toEqual([expect.stringMatching(/^KAFKA_BROKERS is not set/)]);
    expect(problemsOf({ ...all, REDIS_URL: undefined })).toEqual([expect.stringMatching(/^REDIS_URL is not set/)]);
  });
});

describe('the role', () => {
  test('all is the default and gets everything', () => {
    expect(loadConfig({ ...all, ROLE: undefined })).toEqual({
      mode: 'connected',
      role: 'all',
      host: '0.0.0.0',
      port: 4000,
      logLevel: 'info',
      warnings: [],
      gateway: {
        introspection: true,
        graphiql: false,
        corsOrigins: [],
        publicUrl: null,
        maxConnections: null,
        maxConnectionsPerAddress: null,
        trustedProxies: 0,
      },
      tokens: { source: { kind: 'secret', secret: jwtSecret } },
      cursorSecret,
      redis: { url: 'redis://redis:6379', tlsCa: null, prefix: 'lifeline', hashTags: 128 },
      kafka: {
        brokers: ['kafka:9092'],
        topics: ['rte-completion', 'call-notifications'],
        deadLetterTopic: 'lifeline-dead-letters',
        groupId: 'lifeline-bridge',
        createTopics: false,
        ssl: null,
        sasl: null,
      },
    });
  });

  test('bridge needs Redis and Kafka and nothing else', () => {
    const config = loadConfig(bridge);
    expect(config).toMatchObject({ role: 'bridge', redis: {}, kafka: {} });
    expect(config).not.toHaveProperty('tokens');
    expect(problemsOf({ ...bridge, KAFKA_BROKERS: '' })).toEqual([
      expect.stringMatching(/^KAFKA_BROKERS is not set and the role bridge/),
    ]);
  });

  test('serve needs Redis, one token source and the cursor secret, and no Kafka', () => {
    const config = loadConfig(serve);
    expect(config).toMatchObject({ role: 'serve', redis: {}, tokens: {}, cursorSecret });
    expect(config).not.toHaveProperty('kafka');
    expect(problemsOf({ ROLE: 'serve', REDIS_URL: serve.REDIS_URL })).toEqual([
      expect.stringMatching(/^JWT_JWKS_URL, JWT_PUBLIC_KEY, JWT_SECRET are all not set/),
      expect.stringMatching(/^CURSOR_SECRET is not set/),
    ]);
  });

  test('may be the first argument, in agreement with ROLE', () => {
    expect(loadConfig({ ...all, ROLE: undefined }, ['bridge'])).toMatchObject({ role: 'bridge' });
    expect(loadConfig(all, ['all'])).toMatchObject({ role: 'all' });
    expect(problemsOf(all, ['serve'])).toEqual(['ROLE=all contradicts the first argument, serve: drop one of them']);
  });

  test('that nobody knows is a problem, in either place', () => {
    expect(problemsOf({}, ['sreve'])).toEqual([expect.stringContaining('"sreve" is unknown')]);
    expect(problemsOf({ ROLE: 'sreve' })).toEqual(['ROLE=sreve is unknown: set it to one of serve, bridge, all']);
  });
});

describe('a wrong value is named with what is wrong and what to set', () => {
  const wrong: readonly (readonly [name: string, value: string, says: RegExp])[] = [
    ['PORT', '65536', /^PORT=65536 is out of range: set it/],
    ['PORT', '-1', /^PORT=-1 is not a whole number: set it/],
    ['PORT', '4000.5', /^PORT=4000.5 is not a whole number: set it/],
    ['PORT', '0x10', /^PORT=0x10 is not a whole number: set it/],
    ['HOST', 'http://0.0.0.0', /^HOST=http:\/\/0.0.0.0 is not a host: set it/],
    ['LOG_LEVEL', 'verbose', /^LOG_LEVEL=verbose is unknown: set it to one of trace, debug/],
    ['INTROSPECTION', 'maybe', /^INTROSPECTION=maybe is neither on nor off: set it/],
    ['GRAPHIQL', '1', /^GRAPHIQL=1 is neither on nor off: set it/],
    ['KAFKA_CREATE_TOPICS', 'yes', /^KAFKA_CREATE_TOPICS=yes is neither on nor off: set it/],
    ['KAFKA_BROKERS', 'kafka', /^KAFKA_BROKERS=kafka is not a list of brokers: set it to host:port/],
    ['KAFKA_BROKERS', 'kafka:9092;other:9092', /^KAFKA_BROKERS=.* is not a list of brokers/],
    ['KAFKA_BROKERS', 'kafka:99999', /^KAFKA_BROKERS=kafka:99999 is not a list of brokers/],
    ['KAFKA_BROKERS', 'PLAINTEXT://kafka:9092', /^KAFKA_BROKERS=.* is not a list of brokers/],
    ['KAFKA_BROKERS', ' , ', /^KAFKA_BROKERS=, is not a list of brokers/],
    ['KAFKA_TOPICS', 'a topic', /^KAFKA_TOPICS=a topic is not a Kafka topic name: set it/],
    ['KAFKA_DEAD_LETTER_TOPIC', 'a/b', /^KAFKA_DEAD_LETTER_TOPIC=a\/b is not a Kafka topic name/],
    ['KAFKA_TOPICS', 'events,lifeline-dead-letters', /^KAFKA_TOPICS names the dead-letter topic lifeline-dead-letters/],
    ['KAFKA_DEAD_LETTER_TOPIC', 'rte-completion', /^KAFKA_TOPICS names the dead-letter topic rte-completion/],
    ['KAFKA_SASL_MECHANISM', 'oauthbearer', /^KAFKA_SASL_MECHANISM=oauthbearer is unknown: set it to one of plain, scram/],
    ['KAFKA_SASL_MECHANISM', 'plain', /^SASL needs all three .* lacks KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD: set/],
    ['KAFKA_SASL_PASSWORD', 'p', /^SASL needs all three .* lacks KAFKA_SASL_MECHANISM, KAFKA_SASL_USERNAME: set/],
    ['KAFKA_SSL_CA', '/nowhere/ca.pem', /^KAFKA_SSL_CA is set although KAFKA_SSL is not on: set KAFKA_SSL=true/],
    ['REDIS_URL', 'redis', /^REDIS_URL is not an address: set it to one like redis:/],
    ['REDIS_URL', 'http://redis:6379', /^REDIS_URL has another scheme than redis:\/\/ or rediss:\/\/: set it/],
    ['REDIS_URL', 'redis:6379', /^REDIS_URL is not an address: set it/],
    ['REDIS_URL', 'redis://redis:6379/db', /^REDIS_URL names a database that is no number: set it/],
    ['REDIS_URL', 'redis-sentinel://redis:26379/name', /^REDIS_URL has another scheme than redis:\/\/ .*redis\+sentinel:\/\//],
    [
      'REDIS_URL',
      'redis+sentinel://redis:26379',
      /^REDIS_URL does not say what the Sentinels call the primary: set it to one like/,
    ],
    ['REDIS_URL', 'redis+sentinel://redis:26379/name/x', /^REDIS_URL names a database that is no number: set it/],
    ['REDIS_URL', 'redis+sentinel://redis:26379/name?db=1', /^REDIS_URL has a parameter that is not known: set only/],
    ['REDIS_URL', 'redis+sentinel://redis:x/name', /^REDIS_URL names a host that cannot be one: set it/],
    [
      'REDIS_URL',
      'redis://a:6379,redis://b:6379/1',
      /^REDIS_URL names a database, and a Redis Cluster has only database 0: set it/,
    ],
    ['REDIS_URL', 'redis://a:6379,rediss://b:6379', /^REDIS_URL mixes redis:\/\/ and rediss:\/\/: set one/],
    ['REDIS_URL', 'redis://x:y@a:6379,redis://x:z@b:6379', /^REDIS_URL carries several users or passwords: set the same/],
    ['REDIS_URL', 'redis://x:y@a:6379,x:y@b:6379', /^REDIS_URL carries a user or password per host: give it once/],
    ['REDIS_URL', 'redis://a:6379,', /^REDIS_URL names a host that cannot be one: set it/],
    ['REDIS_TLS_CA', '/nowhere/ca.pem', /^REDIS_TLS_CA is set although REDIS_URL is not a rediss:/],
    ['REDIS_PREFIX', 'a{b}', /^REDIS_PREFIX=a\{b\} is not a key prefix: set it/],
    ['REDIS_HASH_TAGS', '0', /^REDIS_HASH_TAGS=0 is out of range: set it/],
    ['MAX_CONNECTIONS', '0', /^MAX_CONNECTIONS=0 is out of range: set it/],
    ['MAX_CONNECTIONS_PER_ADDRESS', '0', /^MAX_CONNECTIONS_PER_ADDRESS=0 is out of range: set it/],
    ['TRUSTED_PROXIES', 'yes', /^TRUSTED_PROXIES=yes is not a whole number: set it/],
    ['PUBLIC_URL', 'lifeline.example', /^PUBLIC_URL is not an address: set it/],
    ['CORS_ORIGINS', 'https://app.example/path', /^CORS_ORIGINS=.* is not a list of origins: set it/],
    ['CORS_ORIGINS', 'app.example', /^CORS_ORIGINS=app.example is not a list of origins: set it/],
    ['CURSOR_SECRET', 'c'.repeat(31), /^CURSOR_SECRET is too short: set it to at least 32/],
    ['JWT_JWKS_URL', 'file:///etc/jwks', /^JWT_JWKS_URL .*: set it/],
    ['JWT_JWKS_URL', 'https://u:p@issuer.example/jwks', /^JWT_JWKS_URL carries a user or password: set it/],
    ['JWT_PUBLIC_KEY', 'ssh-rsa AAAA', /^JWT_PUBLIC_KEY cannot be used: it is not a public key in PEM form/],
    ['JWT_JWKS_URL', 'https://issuer.example/jwks', /^JWT_JWKS_URL, JWT_SECRET are set together and one must decide: unset/],
  ];
  for (const [name, value, says] of wrong) {
    test(`${name}=${value}`, () => {
      const problems = problemsOf({ ...all, [name]: value });
      expect(
        problems.some((problem) => says.test(problem)),
        problems.join('\n'),
      ).toBe(true);
      for (const problem of problems) expect(problem).toMatch(/[:;] (set|unset|take|give|make) /);
    });
  }

  test('a private key is refused for what it is, and never quoted', () => {
    const pem = signingKey('ES256').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    const [problem = ''] = problemsOf({ ...all, JWT_SECRET: '', JWT_PUBLIC_KEY: pem });
    expect(problem).toContain('private key');
    expect(problem).not.toContain(pem.split('\n')[1]);
  });

  test('every problem is in one message, a line each, the slips that may have caused them at the end', () => {
    try {
      loadConfig({ PORT: 'x', LOG_LEVEL: 'y\nz', ROLE: 'serve', REDIS_URI: 'redis://redis', KAFKA_BROKER: 'kafka:9092' });
      expect.unreachable();
    } catch (error) {
      expect((error as Error).message.split('\n')).toEqual([
        'Lifeline cannot start with these settings:',
        expect.stringMatching(/^ {2}PORT=x /),
        expect.stringMatching(/^ {2}LOG_LEVEL=y z /),
        expect.stringMatching(/^ {2}REDIS_URL is not set/),
        expect.stringMatching(/^ {2}JWT_JWKS_URL, JWT_PUBLIC_KEY, JWT_SECRET/),
        expect.stringMatching(/^ {2}CURSOR_SECRET is not set/),
        expect.stringMatching(/^ {2}REDIS_URI .*did you mean REDIS_URL\?$/),
        expect.stringMatching(/^ {2}KAFKA_BROKER .*did you mean KAFKA_BROKERS\?$/),
      ]);
    }
  });

  test('no secret is ever quoted', () => {
    const hidden = 'Hidden-Value';
    const env = Object.fromEntries(
      ['REDIS_URL', 'KAFKA_SASL_PASSWORD', 'JWT_JWKS_URL', 'JWT_PUBLIC_KEY', 'JWT_SECRET', 'CURSOR_SECRET', 'PUBLIC_URL'].map(
        (name) => [name, hidden],
      ),
    );
    const problems = problemsOf({ ...env, ROLE: 'serve' });
    expect(problems.length).toBeGreaterThan(4);
    expect(problems.join('\n').toLowerCase()).not.toContain(hidden.toLowerCase());
  });
});

describe('a good value', () => {
  test('is taken as it is meant', () => {
    const ca = join(folder, 'ca.pem');
    const made = spawnSync('openssl', [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-days',
      '1',
      '-subj',
      '/CN=test',
      '-keyout',
      join(folder, 'key.pem'),
      '-out',
      ca,
    ]);
    expect(made.status, String(made.stderr)).toBe(0);
    const config = loadConfig({
      ...all,
      HOST: '::1',
      PORT: '0',
      LOG_LEVEL: 'DEBUG',
      PUBLIC_URL: 'https://lifeline.example',
      MAX_CONNECTIONS: '5000',
      MAX_CONNECTIONS_PER_ADDRESS: '50',
      TRUSTED_PROXIES: '2',
      REDIS_URL: 'rediss://user:p%40ss@redis.example:6380/3',
      REDIS_TLS_CA: ca,
      REDIS_PREFIX: 'blue',
      REDIS_HASH_TAGS: '4',
      KAFKA_BROKERS: 'kafka-1:9092, kafka-2:9092,kafka-1:9092',
      KAFKA_TOPICS: 'a, b',
      KAFKA_DEAD_LETTER_TOPIC: 'dead',
      KAFKA_GROUP_ID: 'group',
      KAFKA_CREATE_TOPICS: 'true',
      KAFKA_SSL: 'true',
      KAFKA_SSL_CA: ca,
      KAFKA_SASL_MECHANISM: 'SCRAM-SHA-256',
      KAFKA_SASL_USERNAME: 'user',
      KAFKA_SASL_PASSWORD: ' password ',
      JWT_ISSUER: 'https://issuer.example',
      JWT_AUDIENCE: 'lifeline',
      CORS_ORIGINS: 'https://app.example, http://localhost:3000',
      INTROSPECTION: 'off',
      GRAPHIQL: 'on',
    });
    expect(config).toMatchObject({
      host: '::1',
      port: 0,
      logLevel: 'debug',
      gateway: {
        introspection: false,
        graphiql: true,
        corsOrigins: ['https://app.example', 'http://localhost:3000'],
        publicUrl: 'https://lifeline.example',
        maxConnections: 5000,
        maxConnectionsPerAddress: 50,
        trustedProxies: 2,
      },
      tokens: { issuer: 'https://issuer.example', audience: 'lifeline' },
      redis: {
        url: 'rediss://user:p%40ss@redis.example:6380/3',
        tlsCa: expect.stringContaining('BEGIN CERTIFICATE'),
        prefix: 'blue',
        hashTags: 4,
      },
      kafka: {
        brokers: ['kafka-1:9092', 'kafka-2:9092'],
        topics: ['a', 'b'],
        deadLetterTopic: 'dead',
        groupId: 'group',
        createTopics: true,
        ssl: { ca: expect.stringContaining('BEGIN CERTIFICATE') },
        sasl: { mechanism: 'scram-sha-256', username: 'user', password: ' password ' },
      },
    });
    expect(problemsOf({ ...all, REDIS_URL: 'rediss://redis', REDIS_TLS_CA: join(folder, 'key.pem') })).toEqual([
      expect.stringContaining('holds no certificate'),
    ]);
    expect(problemsOf({ ...all, REDIS_URL: 'rediss://redis', REDIS_TLS_CA: join(folder, 'none.pem') })).toEqual([
      expect.stringContaining('cannot be read (ENOENT)'),
    ]);
  });

  test('of a secret keeps its white space, of everything else loses it', () => {
    expect(loadConfig({ ...serve, JWT_SECRET: `${jwtSecret}\n`, ROLE: ' serve ', REDIS_URL: ' redis://redis ' })).toMatchObject({
      tokens: { source: { secret: `${jwtSecret}\n` } },
      redis: { url: 'redis://redis' },
    });
  });

  test('cannot be changed later by anybody', () => {
    const config = loadConfig(all);
    expect(() => Object.assign(config, { port: 1 })).toThrow(TypeError);
    expect(() =>
      Object.assign(config.role === 'all' && config.mode === 'connected' ? config.kafka.topics : {}, { 0: 'x' }),
    ).toThrow(TypeError);
  });
});

describe('a warning', () => {
  test.for([
    ['KAFKA_BROKER', 'KAFKA_BROKERS'],
    ['KAFKA_TOPIC', 'KAFKA_TOPICS'],
    ['JWT_JWKS_URI', 'JWT_JWKS_URL'],
    ['JWT_AUD', 'JWT_AUDIENCE'],
    ['REDIS_URI', 'REDIS_URL'],
    ['REDIS_TLS', 'REDIS_TLS_CA'],
    ['CORS_ORIGIN', 'CORS_ORIGINS'],
    ['CURSOR_SECRETS', 'CURSOR_SECRET'],
  ] as const)('asks of %s whether %s was meant, without its value', ([name, meant]) => {
    expect(loadConfig({ ...all, [name]: 'value-of-it' }).warnings).toEqual([
      `${name} is not a variable of ours and has no effect: did you mean ${meant}?`,
    ]);
  });

  test.for([
    'REDIS_SERVICE_HOST',
    'REDIS_PORT',
    'REDIS_PORT_6379_TCP',
    'KAFKA_PORT',
    'KAFKA_HEAP_OPTS',
    'KAFKA_SSL_KEY',
    'PATH',
    'JWT_',
  ])("is not given for %s, which is nobody's mistake", (name) => {
    expect(loadConfig({ ...all, [name]: 'value' }).warnings).toEqual([]);
  });

  test('tells that Kafka and Redis settings have no effect embedded', () => {
    expect(loadConfig({ KAFKA_TOPICS: 'a', REDIS_PREFIX: 'b' }).warnings).toEqual([
      expect.stringMatching(/^REDIS_PREFIX, KAFKA_TOPICS have no effect/),
    ]);
  });

  test('tells that tokens handed out embedded do not hold where an issuer signs them', () => {
    expect(loadConfig({ JWT_JWKS_URL: 'https://issuer.example/keys' }).warnings).toEqual([
      expect.stringMatching(/^JWT_JWKS_URL is set, so the tokens .* do not hold/),
    ]);
    expect(loadConfig({ JWT_SECRET: jwtSecret }).warnings).toEqual([]);
    expect(loadConfig({ ...serve, JWT_SECRET: undefined, JWT_JWKS_URL: 'https://issuer.example/keys' }).warnings).toEqual([]);
  });

  test('tells that a short JWT_SECRET can be guessed', () => {
    expect(loadConfig({ ...all, JWT_SECRET: 'short' }).warnings).toEqual([
      expect.stringContaining('JWT_SECRET is shorter than 32 bytes'),
    ]);
  });
});
