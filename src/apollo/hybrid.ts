import {
  type ArgumentNode,
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  Kind,
  type OperationDefinitionNode,
  OperationTypeNode,
  print,
  type SelectionNode,
  valueFromASTUntyped,
  visit,
} from 'graphql';

import type { EventFacts } from '../client/index.ts';
import { additionsTo } from './additions.ts';
import { answerName, type Fragments, type Variables } from './selection.ts';

/** One app's subscription, asked in two ways. */
export interface Hybrid {
  readonly subscription: string;
  /** The query field of the same name and arguments: `nodes` of the same selection, `pageInfo`, `pollAfterMs`. */
  readonly query: string;
  /** The field's name in both answers: the app's alias, where it has one. */
  readonly field: string;
  /** The variables of both, made of the app's; `after` is where the app wants to start, null when it does not say. */
  variables(given: Variables): Variables;
  readonly factsOf: (event: unknown) => EventFacts;
  /** The event as the app's own document would have brought it. */
  strip(event: unknown, given: Variables): Readonly<Record<string, unknown>>;
}

const fields: ReadonlySet<string> = new Set(['coverageUpdates', 'videoVisitEvents', 'memberEvents']);
const known = new WeakMap<DocumentNode, { readonly hybrid: Hybrid | null }>();

/** What to ask instead of the document; null where it is not a subscription of one of Lifeline's fields, and nothing else. */
export function hybridOf(document: DocumentNode): Hybrid | null {
  const found = known.get(document) ?? { hybrid: derive(document) };
  known.set(document, found);
  return found.hybrid;
}

function derive(document: DocumentNode): Hybrid | null {
  const operations = document.definitions.filter((node) => node.kind === Kind.OPERATION_DEFINITION);
  const [operation] = operations;
  if (operations.length !== 1 || operation?.operation !== OperationTypeNode.SUBSCRIPTION) return null;
  const fragments = fragmentsOf(document);
  const root = rootField(operation, fragments);
  // Directives on the operation or its field are somebody else's: they need not mean the same on a query.
  if (root === null || (operation.directives ?? []).length > 0 || (root.directives ?? []).length > 0) return null;
  if (!fields.has(root.name.value) || root.selectionSet === undefined) return null;

  const start = root.arguments?.find(({ name }) => name.value === 'after')?.value;
  const needed = withFragments(root, fragments);
  const renamed = renameAfter({ ...root, arguments: root.arguments?.filter(({ name }) => name.value !== 'after') ?? [] }, needed);
  const additions = additionsTo(renamed.root.selectionSet ?? root.selectionSet, fragmentsIn(renamed.fragments));
  const used = variablesIn([renamed.root, ...renamed.fragments]);
  const definitions = (operation.variableDefinitions ?? [])
    .map((definition) => ({ definition, name: renamed.nameOf(definition.variable.name.value) }))
    .filter(({ name }) => used.has(name));

  const make = (kind: OperationTypeNode, selections: readonly SelectionNode[]): string =>
    print({
      kind: Kind.DOCUMENT,
      definitions: [
        {
          kind: Kind.OPERATION_DEFINITION,
          operation: kind,
          ...(operation.name === undefined ? {} : { name: operation.name }),
          variableDefinitions: [
            ...definitions.map(({ definition, name }) => ({ ...definition, variable: variable(name) })),
            {
              kind: Kind.VARIABLE_DEFINITION,
              variable: variable('after'),
              type: { kind: Kind.NAMED_TYPE, name: nameNode('String') },
            },
          ],
          selectionSet: {
            kind: Kind.SELECTION_SET,
            selections: [
              {
                ...renamed.root,
                arguments: [...(renamed.root.arguments ?? []), afterArgument],
                selectionSet: { kind: Kind.SELECTION_SET, selections },
              },
            ],
          },
        },
        ...renamed.fragments,
      ],
    });
  const event = [...(renamed.root.selectionSet?.selections ?? []), ...additions.fields];
  const withDefaults = (given: Variables): Variables => ({
    ...Object.fromEntries(
      (operation.variableDefinitions ?? []).flatMap(({ variable: { name }, defaultValue }) =>
        defaultValue === undefined ? [] : [[name.value, valueFromASTUntyped(defaultValue)]],
      ),
    ),
    ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
  });
  const rename = (given: Variables): Variables =>
    Object.fromEntries(Object.entries(given).map(([name, value]) => [renamed.nameOf(name), value]));

  return {
    subscription: make(OperationTypeNode.SUBSCRIPTION, event),
    query: make(OperationTypeNode.QUERY, [
      nested('nodes', event),
      nested('pageInfo', [nested('endCursor'), nested('hasNextPage')]),
      nested('pollAfterMs'),
    ]),
    field: answerName(root),
    variables(given) {
      const after: unknown = start === undefined ? null : valueFromASTUntyped(start, { ...withDefaults(given) });
      const own = Object.entries(rename(given)).filter(([name, value]) => used.has(name) && value !== undefined);
      return { ...Object.fromEntries(own), after: after ?? null };
    },
    factsOf(answered) {
      const own = answered as Readonly<Record<string, unknown>>; // an object, by the schema
      const { id, cursor, sequence, ackRequired, acknowledgedAt } = additions.read(own, 'delivery') as EventFacts; // as the document asks
      const type = additions.read(own, 'type') as string; // as above
      const channel = additions.read(own, 'channel') as string; // as above
      return { id, cursor, sequence, ackRequired, acknowledgedAt, type, channel };
    },
    strip: (answered, given) => additions.remove(answered as Readonly<Record<string, unknown>>, rename(withDefaults(given))), // as above
  };
}

const nameNode = (value: string) => ({ kind: Kind.NAME, value }) as const;
const variable = (name: string) => ({ kind: Kind.VARIABLE, name: nameNode(name) }) as const;
const afterArgument: ArgumentNode = { kind: Kind.ARGUMENT, name: nameNode('after'), value: variable('after') };
const nested = (name: string, selections: readonly SelectionNode[] = []): FieldNode => ({
  kind: Kind.FIELD,
  name: nameNode(name),
  ...(selections.length === 0 ? {} : { selectionSet: { kind: Kind.SELECTION_SET, selections } }),
});

function fragmentsOf({ definitions }: DocumentNode): Fragments {
  return fragmentsIn(definitions.filter((node) => node.kind === Kind.FRAGMENT_DEFINITION));
}
const fragmentsIn = (nodes: readonly FragmentDefinitionNode[]): Fragments => new Map(nodes.map((node) => [node.name.value, node]));

/** The one field of the operation, also behind fragments on `Subscription`; null where there are several, or conditions. */
function rootField({ selectionSet }: OperationDefinitionNode, fragments: Fragments): FieldNode | null {
  let set = selectionSet;
  for (let depth = 0; depth <= fragments.size + 10; depth++) {
    const [only, ...others] = set.selections;
    if (only === undefined || others.length > 0) return null;
    if (only.kind === Kind.FIELD) return only;
    if ((only.directives ?? []).length > 0) return null;
    const inner = only.kind === Kind.INLINE_FRAGMENT ? only : fragments.get(only.name.value);
    if (inner === undefined || (inner.directives ?? []).length > 0) return null;
    set = inner.selectionSet;
  }
  return null; // fragments that contain each other
}

/** The fragments that the field needs: one on `Subscription`, around it, would be left over in a query. */
function withFragments(root: FieldNode, fragments: Fragments): FragmentDefinitionNode[] {
  const needed = new Map<string, FragmentDefinitionNode>();
  const follow = (node: FieldNode | FragmentDefinitionNode) =>
    visit(node, {
      FragmentSpread({ name }) {
        const fragment = fragments.get(name.value);
        if (fragment === undefined || needed.has(name.value)) return;
        needed.set(name.value, fragment);
        follow(fragment);
      },
    });
  follow(root);
  return [...needed.values()];
}

function variablesIn(nodes: readonly (FieldNode | FragmentDefinitionNode)[]): Set<string> {
  const used = new Set<string>();
  for (const node of nodes) visit(node, { Variable: ({ name }) => void used.add(name.value) });
  return used;
}

/** `after` is ours: an app that uses a variable of this name for something else keeps it under another. */
function renameAfter(root: FieldNode, fragments: readonly FragmentDefinitionNode[]) {
  const used = variablesIn([root, ...fragments]);
  if (!used.has('after')) return { root, fragments, nameOf: (name: string) => name };
  let free = 'appAfter';
  while (used.has(free)) free += '_';
  const renaming = {
    Variable: ({ name }: { readonly name: { readonly value: string } }) => (name.value === 'after' ? variable(free) : undefined),
  };
  return {
    root: visit(root, renaming),
    fragments: fragments.map((fragment) => visit(fragment, renaming)),
    nameOf: (name: string) => (name === 'after' ? free : name),
  };
}
