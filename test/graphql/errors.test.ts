import { readFileSync } from 'node:fs';

import { expect, test } from 'vitest';

import { errorTable } from '../../src/errors.ts';
import { limits } from '../../src/graphql/limits.ts';

const page = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8');

test('the page on errors lists each code with its retry and its status, and no other', () => {
  const rows = [...page.matchAll(/^\| `([A-Z_]+)` \| `([a-z-]+)` \| (\d{3}) \|/gm)].map(([, code, retry, http]) => [
    code,
    { retry, http: Number(http) },
  ]);
  const table = Object.entries(errorTable).map(([code, { retry, http }]) => [code, { retry, http }]);
  expect(Object.fromEntries(rows)).toEqual(Object.fromEntries(table));
});

test('the page on errors names the limits that hold', () => {
  const rows = Object.fromEntries(
    [...page.matchAll(/^\| ([^|]+?) \| ([\d]+)(?: KiB| levels)? \|$/gm)].map(([, what, most]) => [what, Number(most)]),
  );
  expect(rows).toEqual({
    'Depth of an operation': limits.depth,
    'Aliases of an operation, fragments spread out': limits.aliases,
    'Tokens of a document': limits.tokens,
    'Size of a document': limits.documentBytes / 1024,
    'Size of a WebSocket message or an HTTP request body': limits.messageBytes / 1024,
    'Nesting of a WebSocket message': limits.messageDepth,
    'Operations at once on one WebSocket': limits.operationsPerSocket,
    'Ids in one `acknowledgeDeliveries`': 1000,
    '`first`': 1000,
    '`first`, all fields of an operation together': limits.eventsPerOperation,
  });
});
