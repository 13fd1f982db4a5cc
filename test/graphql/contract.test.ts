import { readFileSync } from 'node:fs';

import {
  buildClientSchema,
  buildSchema,
  findBreakingChanges,
  getIntrospectionQuery,
  printSchema,
  type IntrospectionQuery,
} from 'graphql';
import { afterEach, expect, test } from 'vitest';

import { startEdge, type Edge } from './support.ts';

let edge: Edge;
afterEach(() => edge.stop());

test('the running schema has every type, field, argument and nullability of the contract, defaults included', async () => {
  edge = await startEdge();
  const { data } = await edge.post(getIntrospectionQuery());
  const running = buildClientSchema(data as IntrospectionQuery);
  const contract = buildSchema(readFileSync(new URL('contract.graphql', import.meta.url), 'utf8'));
  expect(findBreakingChanges(contract, running)).toEqual([]);
  // Nothing more either: a field that is added is added to the contract too.
  expect(findBreakingChanges(running, contract)).toEqual([]);
  expect(withoutDescriptions(printSchema(running))).toEqual(withoutDescriptions(printSchema(contract)));
});

test('the file that the package exports is the schema that runs', async () => {
  edge = await startEdge();
  const { data } = await edge.post(getIntrospectionQuery());
  const exported = buildSchema(readFileSync(new URL('../../schema/schema.graphql', import.meta.url), 'utf8'));
  expect(withoutDescriptions(printSchema(exported))).toEqual(
    withoutDescriptions(printSchema(buildClientSchema(data as IntrospectionQuery))),
  );
});

function withoutDescriptions(sdl: string): string[] {
  return sdl
    .replace(/"""[\s\S]*?"""/g, '')
    .split(/\n(?=\S)/)
    .map((definition) => definition.replace(/\n\s*\n/g, '\n').trim())
    .filter((definition) => definition !== '')
    .toSorted();
}
