import { GraphQLError, Kind, OperationTypeNode, type ASTVisitor, type SelectionSetNode, type ValidationContext } from 'graphql';

/**
 * Validation rule: what a subscription subscribes to hangs on no variable (GraphQL specification of September 2025, 5.2.4.1). graphql-js 16
 * does not have it, and stumbles over a subscription whose only field is left out.
 */
export function rootFieldRule(context: ValidationContext): ASTVisitor {
  const check = ({ selections }: SelectionSetNode, seen: Set<string>) => {
    for (const selection of selections) {
      const conditional = selection.directives?.find(({ name }) => name.value === 'skip' || name.value === 'include');
      if (conditional !== undefined) {
        const sentence = `@${conditional.name.value} cannot stand on the field that is subscribed to. Send another document instead.`;
        context.reportError(new GraphQLError(sentence, { nodes: conditional }));
      }
      if (selection.kind === Kind.INLINE_FRAGMENT) check(selection.selectionSet, seen);
      if (selection.kind !== Kind.FRAGMENT_SPREAD || seen.has(selection.name.value)) continue;
      seen.add(selection.name.value);
      const fragment = context.getFragment(selection.name.value);
      if (fragment !== null && fragment !== undefined) check(fragment.selectionSet, seen);
    }
  };
  return {
    OperationDefinition(operation) {
      if (operation.operation === OperationTypeNode.SUBSCRIPTION) check(operation.selectionSet, new Set());
      return false;
    },
    FragmentDefinition: () => false,
  };
}
