import { getOperationAST, Kind, OperationTypeNode, type DocumentNode, type SelectionSetNode } from 'graphql';

/**
 * Whether the operation asks for nothing but the schema (`__schema`, `__type`, `__typename`) and so needs no token. Named fragments
 * at the top count as asking for more: tools do not write introspection that way, and following them buys nothing.
 */
export function asksOnlyForSchema(document: DocumentNode, operationName: string | null | undefined): boolean {
  const operation = getOperationAST(document, operationName);
  return operation?.operation === OperationTypeNode.QUERY && onlyMeta(operation.selectionSet);
}

function onlyMeta({ selections }: SelectionSetNode): boolean {
  return selections.every((selection) =>
    selection.kind === Kind.FIELD
      ? selection.name.value.startsWith('__')
      : selection.kind === Kind.INLINE_FRAGMENT && onlyMeta(selection.selectionSet),
  );
}
