import { type DocumentNode, type FieldNode, type FragmentDefinitionNode, Kind, type OperationDefinitionNode, visit } from 'graphql';

import type { Fragments } from './selection.ts';

export const fragmentsIn = (nodes: readonly FragmentDefinitionNode[]): Fragments =>
  new Map(nodes.map((node) => [node.name.value, node]));

export function fragmentsOf({ definitions }: DocumentNode): Fragments {
  return fragmentsIn(definitions.filter((node) => node.kind === Kind.FRAGMENT_DEFINITION));
}

/** Deeper than anybody writes by hand; a document may be made on purpose. */
const deepest = 10;

/** The one field of the operation, also behind fragments on `Subscription`; null where there are several, or conditions. */
export function rootField({ selectionSet }: OperationDefinitionNode, fragments: Fragments): FieldNode | null {
  let set = selectionSet;
  for (let depth = 0; depth < deepest; depth++) {
    const [only, ...others] = set.selections;
    if (only === undefined || others.length > 0 || (only.directives ?? []).length > 0) return null;
    if (only.kind === Kind.FIELD) return only;
    const inner = only.kind === Kind.INLINE_FRAGMENT ? only : fragments.get(only.name.value);
    if (inner === undefined || (inner.directives ?? []).length > 0) return null;
    set = inner.selectionSet;
  }
  return null; // or fragments that contain each other
}

/** The fragments that the field needs: one on `Subscription`, around it, would be left over in a query. */
export function fragmentsFor(root: FieldNode, fragments: Fragments): FragmentDefinitionNode[] {
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
