import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** [the file, what it imports, whether the linter lets it] */
const table: readonly (readonly [file: string, specifier: string, allowed: boolean])[] = [
  ['errors.ts', './event/event.ts', false],
  ['event/event.ts', '../errors.ts', true],
  ['event/event.ts', '../log/log.ts', false],
  ['operations/metrics.ts', 'prom-client', true],
  ['operations/logger.ts', 'pino', true],
  ['operations/logger.ts', 'prom-client', false],
  ['operations/retry.ts', '../event/event.ts', false],

  ['auth/token.ts', 'jose', true],
  ['auth/claims.ts', 'jose', false],
  ['auth/token.ts', 'ioredis', false],
  ['auth/key-document.ts', 'node:timers/promises', true],
  ['auth/token.ts', '../config.ts', false],
  ['auth/token.ts', '../delivery/delivery.ts', false],

  ['log/log.ts', 'ioredis', false],
  ['log/redis-connection.ts', 'ioredis', true],
  ['log/doorbell.ts', 'graphql-redis-subscriptions', true],
  ['log/redis.ts', 'graphql-redis-subscriptions', false],
  ['log/redis.ts', './redis-connection.ts', true],
  ['log/memory.ts', '../delivery/hub.ts', false],
  ['log/log.ts', '../bridge/records.ts', false],

  ['delivery/hub.ts', '../log/log.ts', true],
  ['delivery/hub.ts', '../log/memory.ts', false],
  ['delivery/hub.ts', '../log/redis.ts', false],
  ['delivery/hub.ts', '../auth/allow.ts', true],
  ['delivery/hub.ts', '../auth/token.ts', false],
  ['delivery/hub.ts', '../graphql/context.ts', false],
  ['delivery/hub.ts', 'graphql', false],

  ['bridge/bridge.ts', 'kafkajs', false],
  ['bridge/bridge.ts', './kafka.ts', false],
  ['bridge/bridge.ts', './records.ts', true],
  ['bridge/kafka.ts', 'kafkajs', false],
  ['bridge/kafkajs.ts', 'kafkajs', true],
  ['bridge/kafkajs.ts', 'ajv', false],
  ['bridge/validate.ts', 'ajv/dist/2020.js', true],
  ['bridge/decode.ts', 'ajv', false],
  ['bridge/lane.ts', '../log/redis.ts', false],
  ['bridge/lane.ts', '../log/log.ts', true],
  ['bridge/lane.ts', '../delivery/delivery.ts', false],

  ['graphql/yoga.ts', 'graphql-yoga', true],
  ['graphql/yoga.ts', '@graphql-yoga/plugin-csrf-prevention', true],
  ['graphql/server.ts', 'graphql-yoga', false],
  ['graphql/websocket.ts', 'graphql-ws', true],
  ['graphql/websocket.ts', 'graphql-ws/use/ws', true],
  ['graphql/websocket.ts', 'ws', true],
  ['graphql/server.ts', 'ws', false],
  ['graphql/limits.ts', 'graphql', true],
  ['graphql/schema.ts', '@graphql-tools/schema', true],
  ['graphql/limits.ts', '@graphql-tools/schema', false],
  ['graphql/context.ts', '../delivery/delivery.ts', true],
  ['graphql/context.ts', '../delivery/hub.ts', false],
  ['graphql/context.ts', '../bridge/decode.ts', false],
  ['graphql/resolvers/session.ts', '../../delivery/service.ts', false],
  ['graphql/resolvers/session.ts', '../../log/log.ts', true],
  ['graphql/resolvers/session.ts', '../../log/redis.ts', false],
  ['graphql/resolvers/session.ts', '../../config.ts', false],
  ['graphql/resolvers/session.ts', '../context.ts', true],

  ['embedded/ingest.ts', '../bridge/decode.ts', true],
  ['embedded/ingest.ts', '../log/memory.ts', false],
  ['embedded/ingest.ts', '../app.ts', false],
  ['embedded/page-files.ts', 'vite', true],
  ['embedded/page.ts', 'vite', false],
  ['embedded/page.ts', '../client/index.ts', false],

  ['client/websocket.ts', 'graphql-ws/client', true],
  ['client/stream.ts', 'graphql-ws', false],
  ['client/websocket.ts', 'ws', false],
  ['client/event.ts', '../event/catalogue.ts', true],
  ['client/event.ts', '../event/event.ts', false],
  ['client/errors.ts', '../errors.ts', false],
  ['client/stream.ts', './errors.ts', true],
  ['client/stream.ts', '../delivery/delivery.ts', false],
  ['client/storage.ts', 'node:fs', false],
  ['client/stream.ts', 'graphql', false],
  ['client/status.ts', 'react', false],

  ['apollo/link.ts', '@apollo/client/core', true],
  ['apollo/hybrid.ts', 'graphql', true],
  ['apollo/link.ts', '../client/index.ts', true],
  ['apollo/link.ts', '../client/stream.ts', false],
  ['apollo/link.ts', '../graphql/schema.ts', false],
  ['apollo/link.ts', 'graphql-ws', false],
  ['apollo/link.ts', 'react', false],
  ['react/events.ts', 'react', true],
  ['react/events.ts', '../client/index.ts', true],
  ['react/events.ts', '../client/create-client.ts', false],
  ['react/events.ts', '../apollo/link.ts', false],
  ['react/events.ts', '@apollo/client', false],
  ['react/events.ts', 'node:timers', false],

  ['config/variables.ts', 'ajv', false],
  ['config/rules.ts', '../log/log.ts', false],
  ['config.ts', './log/log.ts', false],
  ['config.ts', './config/rules.ts', true],
  ['cli.ts', './app.ts', false],
  ['app.ts', './log/redis.ts', true],
  ['app.ts', './config.ts', true],
  ['app.ts', './main.ts', false],
  ['app.ts', 'ioredis', false],
  ['main.ts', './app.ts', true],
  ['main.ts', 'pino', false],
];

const folder = mkdtempSync(join(tmpdir(), 'lifeline-lint-'));
afterAll(() => rmSync(folder, { recursive: true }));

let refused: Set<string>;
beforeAll(() => {
  for (const name of ['oxlint.config.ts', 'scripts', 'package.json'])
    cpSync(join(root, name), join(folder, name), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  const importsOf = Map.groupBy(table, ([file]) => file);
  for (const [file, rows] of importsOf) {
    mkdirSync(dirname(join(folder, 'src', file)), { recursive: true });
    writeFileSync(join(folder, 'src', file), rows.map(([, specifier]) => `import type {} from '${specifier}';\n`).join(''));
  }
  const run = spawnSync(process.execPath, [join(root, 'node_modules/oxlint/bin/oxlint'), '--format=json', 'src'], {
    cwd: folder,
    encoding: 'utf8',
  });
  const report = JSON.parse(run.stdout) as {
    diagnostics: { code: string; filename: string; labels: { span: { line: number } }[] }[];
  };
  refused = new Set(
    report.diagnostics
      .filter(({ code }) => code.includes('no-restricted-imports'))
      .map(({ filename, labels }) => `${filename.replaceAll('\\', '/').replace(/^.*src\//, '')}:${labels[0]?.span.line}`),
  );
});

describe('the linter', () => {
  for (const [file, specifier, allowed] of table) {
    test(`${allowed ? 'lets' : 'does not let'} ${file} import ${specifier}`, () => {
      const line = table.filter(([other]) => other === file).findIndex(([, other]) => other === specifier) + 1;
      expect(refused.has(`${file}:${line}`)).toBe(!allowed);
    });
  }

  test('has a rule for every folder of the source', () => {
    const folders = readdirSync(join(root, 'src'), { withFileTypes: true }).filter((entry) => entry.isDirectory());
    for (const { name } of folders)
      expect(
        table.some(([file, , allowed]) => file.startsWith(`${name}/`) && !allowed),
        name,
      ).toBe(true);
  });
});
