import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, expect, test } from 'vitest';

import { startLifeline, testSecret } from '../support/lifeline.ts';

const folder = mkdtempSync(join(tmpdir(), 'lifeline-roles-'));
afterAll(() => rmSync(folder, { recursive: true }));

const nobody = '127.0.0.1:1';
const redis = { REDIS_URL: `redis://${nobody}` };
const kafka = { KAFKA_BROKERS: nobody };
const secrets = { JWT_SECRET: testSecret, CURSOR_SECRET: testSecret };

/** The packages of node_modules from which the role has loaded anything by the time it is ready. */
async function packagesOf(role: string, env: Readonly<Record<string, string>>): Promise<Set<string>> {
  const [record, loaded] = [join(folder, `${role}.mjs`), join(folder, `${role}.txt`)];
  writeFileSync(
    record,
    `import { appendFileSync } from 'node:fs';
     import { registerHooks } from 'node:module';
     registerHooks({ load(url, context, next) { appendFileSync(${JSON.stringify(loaded)}, url + '\\n'); return next(url, context); } });`,
  );
  const lifeline = await startLifeline(role === 'embedded' ? [] : [role], env, { imports: [record] });
  await lifeline.kill();
  const names = [...readFileSync(loaded, 'utf8').matchAll(/\/node_modules\/((?:@[^/]+\/)?[^/\n]+)\/[^\n]*$/gm)];
  return new Set(names.map(([, name = '']) => name));
}

/** Each is megabytes and a part of the start: whoever has no use for it does without. */
test.for([
  ['serve', { ...redis, ...secrets }, ['graphql-yoga', 'ws', 'ioredis', 'jose'], ['kafkajs', 'lz4js', 'ajv', 'vite']],
  [
    'bridge',
    { ...redis, ...kafka },
    ['kafkajs', 'ajv', 'ioredis'],
    ['graphql', 'graphql-yoga', 'graphql-ws', 'ws', 'jose', 'vite'],
  ],
  ['all', { ...redis, ...kafka, ...secrets }, ['graphql-yoga', 'kafkajs', 'ajv', 'ioredis', 'jose'], ['vite']],
  ['embedded', {}, ['graphql-yoga', 'ajv', 'jose'], ['kafkajs', 'lz4js', 'ioredis', 'vite', '@graphql-yoga/render-graphiql']],
] as const)('%s loads what it works with and nothing else', async ([role, env, needed, useless]) => {
  const packages = await packagesOf(role, env);
  expect(needed.filter((name) => !packages.has(name))).toEqual([]);
  expect(useless.filter((name) => packages.has(name))).toEqual([]);
});
