import {
  type FieldNode,
  type FragmentDefinitionNode,
  Kind,
  type OperationDefinitionNode,
  valueFromASTUntyped,
  type VariableNode,
  visit,
} from 'graphql';

import type { Variables } from './selection.ts';

export const variable = (name: string): VariableNode => ({ kind: Kind.VARIABLE, name: { kind: Kind.NAME, value: name } });

export function variablesIn(nodes: readonly (FieldNode | FragmentDefinitionNode)[]): ReadonlySet<string> {
  const used = new Set<string>();
  for (const node of nodes) visit(node, { Variable: ({ name }) => void used.add(name.value) });
  return used;
}

/** `after` is ours: an app that uses a variable of this name for something else keeps it under another. */
export function renameAfter(root: FieldNode, fragments: readonly FragmentDefinitionNode[]) {
  const used = variablesIn([root, ...fragments]);
  if (!used.has('after')) return { root, fragments, nameOf: (name: string) => name };
  let free = 'appAfter';
  while (used.has(free)) free += '_';
  const renaming = { Variable: (node: VariableNode) => (node.name.value === 'after' ? variable(free) : undefined) };
  return {
    root: visit(root, renaming),
    fragments: fragments.map((fragment) => visit(fragment, renaming)),
    nameOf: (name: string) => (name === 'after' ? free : name),
  };
}

/** The variables as the server would have them: what is not given has its default. */
export function withDefaults({ variableDefinitions = [] }: OperationDefinitionNode, given: Variables): Variables {
  const defaults = variableDefinitions.flatMap(({ variable: { name }, defaultValue }) =>
    defaultValue === undefined ? [] : [[name.value, valueFromASTUntyped(defaultValue)] as const],
  );
  return Object.fromEntries([...defaults, ...Object.entries(given).filter(([, value]) => value !== undefined)]);
}
