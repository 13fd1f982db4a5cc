import { globSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';

import {
  buildSchema,
  type DocumentNode,
  Kind,
  type OperationDefinitionNode,
  OperationTypeNode,
  parse,
  print,
  validate,
  visit,
} from 'graphql';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { errorTable } from '../../src/errors.ts';
import { exampleEvent } from '../support/events.ts';
import { request, subscribe } from '../support/graphql.ts';
import { startLifeline, testSecret, tokenFor, type Lifeline } from '../support/lifeline.ts';

const root = join(import.meta.dirname, '..', '..');
const read = (path: string) => readFile(join(root, path), 'utf8');
const member = 'm-operations';

let lifeline: Lifeline;
let documents: DocumentNode;
let operations: readonly OperationDefinitionNode[];

beforeAll(async () => {
  lifeline = await startLifeline(['all'], { JWT_SECRET: testSecret });
  const files = globSync('clients/operations/*.graphql', { cwd: root }).sort();
  documents = parse((await Promise.all(files.map(read))).join('\n'));
  operations = documents.definitions.filter((definition) => definition.kind === Kind.OPERATION_DEFINITION);
});
afterAll(() => lifeline?.stop());

/** One operation with the fragments that it needs, as a code generator sends it. */
function standalone(operation: OperationDefinitionNode): string {
  const fragments = new Map(
    documents.definitions
      .filter((definition) => definition.kind === Kind.FRAGMENT_DEFINITION)
      .map((fragment) => [fragment.name.value, fragment]),
  );
  const needed = new Set<string>();
  const collect = (name: string) => {
    const fragment = fragments.get(name);
    if (fragment === undefined || needed.has(name)) return;
    needed.add(name);
    visit(fragment, { FragmentSpread: ({ name }) => collect(name.value) });
  };
  visit(operation, { FragmentSpread: ({ name }) => collect(name.value) });
  return [operation, ...fragments.values().filter(({ name }) => needed.has(name.value))].map(print).join('\n');
}

test('the shipped operations are valid against the shipped schema', async () => {
  expect(validate(buildSchema(await read('schema/schema.graphql')), documents)).toEqual([]);
  const names = operations.map(({ name }) => name?.value);
  expect(new Set(names).size).toBe(names.length);
});

test('every field of the schema that an app can ask has an operation', async () => {
  const schema = buildSchema(await read('schema/schema.graphql'));
  const fields = [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()].map((type) =>
    Object.keys(type?.getFields() ?? {}).map((field) => `${type?.name} ${field}`),
  );
  const asked = operations.map(({ operation, selectionSet: { selections } }) => {
    const [field] = selections;
    return `${operation} ${field?.kind === Kind.FIELD ? field.name.value : ''}`;
  });
  expect(asked.sort()).toEqual(
    fields
      .flat()
      .map((name) => `${name.charAt(0).toLowerCase()}${name.slice(1)}`)
      .sort(),
  );
});

test('each is within the limits of a real server, and answered', async () => {
  const token = await tokenFor(member);
  for (const type of ['rte.completed', 'call.extend'] as const) {
    const { status } = await fetch(new URL('/dev/events', lifeline.url), {
      method: 'POST',
      headers: { 'content-type': 'application/cloudevents+json' },
      body: JSON.stringify(exampleEvent(type, { member })),
    });
    expect(status).toBe(202);
  }
  const given: Record<string, unknown> = {
    accountId: 'A123',
    workflowId: 'wf-456',
    callId: 'call-9',
    channel: `/member/${member}/**`,
    ids: ['none'],
    token,
  };
  for (const operation of operations) {
    const query = standalone(operation);
    const names = operation.variableDefinitions?.map(({ variable }) => variable.name.value) ?? [];
    const variables = Object.fromEntries(names.filter((name) => name in given).map((name) => [name, given[name]]));
    if (operation.operation === OperationTypeNode.SUBSCRIPTION) {
      const stream = subscribe(lifeline.wsUrl, token, member, { query, variables });
      expect(await stream.take(1)).toHaveLength(1);
      expect(stream.errors).toEqual([]);
      stream.stop();
    } else {
      const { data, errors } = await request<Record<string, unknown>>(lifeline.url, token, query, variables);
      expect({ operation: operation.name?.value, errors }).toEqual({ operation: operation.name?.value, errors: undefined });
      expect(Object.values(data ?? {})).not.toContain(null);
    }
  }
});

test('the settings for Apollo iOS name the shipped schema and operations, not copies', async () => {
  const folder = join(root, 'clients', 'ios');
  const { input } = JSON.parse(await read('clients/ios/apollo-codegen-config.json')) as {
    input: { schemaSearchPaths: string[]; operationSearchPaths: string[] };
  };
  expect(input.schemaSearchPaths.map((path) => resolve(folder, path))).toEqual([join(root, 'schema', 'schema.graphql')]);
  expect(input.operationSearchPaths.map((path) => resolve(folder, path))).toEqual([
    join(root, 'clients', 'operations', '*.graphql'),
  ]);
});

test.each(['docs/mobile-kotlin.md', 'docs/mobile-ios.md'])('%s tells what to do about every error code', async (path) => {
  const page = await read(path);
  const rows = [...page.matchAll(/^\| `([A-Z_]+)` \| `([a-z-]+)` \|/gm)].map(([, code, retry]) => [code, retry]);
  expect(Object.fromEntries(rows)).toEqual(
    Object.fromEntries(Object.entries(errorTable).map(([code, { retry }]) => [code, retry])),
  );
  for (const operation of operations) expect(page).toContain(operation.name?.value);
});
