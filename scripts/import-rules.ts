import type { OxlintOverride } from 'oxlint';

import manifest from '../package.json' with { type: 'json' };

/*
 * Who may import what, as overrides of the linter's `no-restricted-imports`. The flow is the order of the folders:
 * bridge → log → delivery → graphql. Parts meet at ports and receive plain values; only app.ts names implementations.
 */

type Pattern =
  | { readonly regex: string; readonly message: string }
  | { readonly group: readonly string[]; readonly message: string };

const dependencies = [...Object.keys(manifest.dependencies), ...Object.keys(manifest.devDependencies)];

/** Nobody imports these; from a folder they are out of reach like the folders named. */
const roots = ['app', 'cli', 'config', 'main', 'program'];

const away = (...folders: readonly string[]): Pattern => ({
  regex: String.raw`^(\.\./)+(${[...folders, ...roots].join('|')})(/|\.ts$)`,
  message: 'The flow does not go there: see CONTRIBUTING.md.',
});
const onlyPorts = (folder: string, ...ports: readonly string[]): Pattern => ({
  group: [`**/${folder}/*`, ...ports.map((port) => `!**/${folder}/${port}`)],
  message: 'Import the port; only app.ts names implementations.',
});
/** Every dependency but these; one that is added later has no place until it gets one here. */
const vendors = (...allowed: readonly string[]): Pattern => ({
  regex: `^(${dependencies.filter((name) => !allowed.includes(name)).join('|')})(/|$)`.replaceAll('.', String.raw`\.`),
  message: 'A vendor has one place: see CONTRIBUTING.md.',
});
const rule = (files: readonly string[], ...patterns: readonly Pattern[]): OxlintOverride => ({
  files: [...files],
  rules: { 'no-restricted-imports': ['error', { patterns }] },
});
/** A folder's rules, and the same ones with a vendor let in for the files that are its place. */
const folder = (
  name: string,
  patterns: readonly Pattern[],
  places: Readonly<Record<string, readonly string[]>> = {},
): OxlintOverride[] => [
  rule([`src/${name}/**`], ...patterns, vendors()),
  ...Object.entries(places).map(([file, allowed]) => rule([`src/${name}/${file}`], ...patterns, vendors(...allowed))),
];

const log = onlyPorts('log', 'log.ts');
const auth = onlyPorts('auth', 'allow.ts', 'session.ts');
const delivery = onlyPorts('delivery', 'delivery.ts', 'fold.ts', 'pull.ts');
const kafka: Pattern = { regex: String.raw`^\./kafka\.ts$`, message: 'Import records.ts; only app.ts names implementations.' };
const bridge = [away('auth', 'delivery', 'embedded', 'graphql'), log];

/** Runs on phones and in browsers: of the server it knows the catalogue, which imports nothing. */
const clientOnly: readonly Pattern[] = [
  away('apollo', 'auth', 'bridge', 'delivery', 'embedded', 'graphql', 'log', 'operations', 'react', 'errors', 'redis-url'),
  onlyPorts('event', 'catalogue.ts'),
  { regex: '^node:', message: 'There is no Node in a browser.' },
];

/** What stands on the client library stands beside its users: it comes in by the front door. */
const clientUser = (neighbour: string): readonly Pattern[] => [
  away('auth', 'bridge', 'delivery', 'embedded', 'event', 'graphql', 'log', 'operations', 'errors', 'redis-url', neighbour),
  { group: ['../client/*', '!../client/index.ts'], message: 'Import the client by its front door.' },
  { regex: '^node:', message: 'There is no Node in a browser.' },
];

// A later entry replaces an earlier one for the same file, so each of them is complete.
export const importRules: OxlintOverride[] = [
  rule(['src/*.ts'], vendors()),
  rule(['src/errors.ts'], { regex: String.raw`^\.`, message: 'errors.ts stands alone.' }, vendors()),
  rule(
    ['src/config.ts', 'src/cli.ts'],
    {
      regex: String.raw`^\./(app|main|program|bridge|delivery|embedded|event|graphql|log|operations)(/|\.ts$)`,
      message: 'Settings know no parts.',
    },
    vendors(),
  ),
  rule(
    ['src/app.ts'],
    { regex: String.raw`^\./(cli|main|program)\.ts$`, message: 'Nobody imports cli, main or program.' },
    vendors(),
  ),
  ...folder('config', [away('bridge', 'delivery', 'embedded', 'event', 'graphql', 'log', 'operations')]),
  ...folder('event', [away('auth', 'bridge', 'delivery', 'embedded', 'graphql', 'log', 'operations')]),
  ...folder('operations', [away('auth', 'bridge', 'delivery', 'embedded', 'event', 'graphql', 'log')], {
    'logger.ts': ['pino'],
    'metrics.ts': ['prom-client'],
    'retry.ts': ['p-retry'],
  }),
  ...folder('auth', [away('bridge', 'delivery', 'embedded', 'graphql', 'log')], { 'token.ts': ['jose'] }),
  ...folder('log', [away('auth', 'bridge', 'delivery', 'embedded', 'graphql')], {
    'redis-connection.ts': ['ioredis'],
    'doorbell.ts': ['ioredis', 'graphql-redis-subscriptions', 'graphql-subscriptions'],
  }),
  ...folder('delivery', [away('bridge', 'embedded', 'graphql'), log, auth]),
  ...folder('bridge', [...bridge, kafka], {
    'kafkajs.ts': ['kafkajs', 'kafkajs-snappy', 'lz4js'],
    'validate.ts': ['ajv', 'ajv-formats'],
  }),
  rule(['src/graphql/**'], away('bridge', 'embedded'), log, auth, delivery, vendors('graphql')),
  ...Object.entries({
    'schema.ts': ['@graphql-tools/schema'],
    'yoga.ts': ['graphql-yoga', '@graphql-yoga/plugin-csrf-prevention'],
    'graphiql.ts': ['@graphql-yoga/render-graphiql'],
    'websocket.ts': ['graphql-ws', 'ws'],
  }).map(([file, allowed]) =>
    rule([`src/graphql/${file}`], away('bridge', 'embedded'), log, auth, delivery, vendors('graphql', ...allowed)),
  ),
  ...folder('embedded', [away('client', 'delivery', 'graphql'), log], { 'page-files.ts': ['vite'] }),
  ...folder('client', clientOnly, { 'websocket.ts': ['graphql-ws'] }),
  rule(['src/apollo/**'], ...clientUser('react'), vendors('@apollo/client', 'graphql')),
  rule(['src/react/**'], ...clientUser('apollo'), vendors('react')),
  rule(['demo/vite.config.ts'], vendors('vite')),
  rule(
    ['demo/src/**'],
    {
      group: ['**/src/*.ts', '**/src/*/*', '!**/src/client/index.ts'],
      message: 'The page uses what an app can: the client library by its front door.',
    },
    vendors('react', 'react-dom'),
  ),
];
