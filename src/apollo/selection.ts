import {
  type DirectiveNode,
  type FieldNode,
  type FragmentDefinitionNode,
  Kind,
  type SelectionSetNode,
  valueFromASTUntyped,
} from 'graphql';

export type Fragments = ReadonlyMap<string, FragmentDefinitionNode>;
export type Variables = Readonly<Record<string, unknown>>;

/** The name under which a field's value stands in the answer. */
export const answerName = ({ alias, name }: FieldNode): string => (alias ?? name).value;

/** Which of a selection's parts count: for one answer those that it was made of, for the document as such all of them. */
interface Which {
  readonly directives: (directives: readonly DirectiveNode[]) => boolean;
  readonly type: (condition: string) => boolean;
}

function* walk(set: SelectionSetNode, fragments: Fragments, which: Which, inside: ReadonlySet<string>): Generator<FieldNode> {
  for (const selection of set.selections) {
    if (!which.directives(selection.directives ?? [])) continue;
    if (selection.kind === Kind.FIELD) {
      yield selection;
      continue;
    }
    if (selection.kind === Kind.INLINE_FRAGMENT) {
      const condition = selection.typeCondition?.name.value;
      if (condition === undefined || which.type(condition)) yield* walk(selection.selectionSet, fragments, which, inside);
      continue;
    }
    const name = selection.name.value;
    const fragment = fragments.get(name);
    // One that is missing, or contains itself, makes the document invalid: the server says so.
    if (fragment === undefined || inside.has(name) || !which.type(fragment.typeCondition.name.value)) continue;
    yield* walk(fragment.selectionSet, fragments, which, new Set([...inside, name]));
  }
}

const everything: Which = { directives: () => true, type: () => true };

/** Every field of the selection, fragments spread out, whatever its conditions. */
export function fieldsOf(set: SelectionSetNode, fragments: Fragments): FieldNode[] {
  return [...walk(set, fragments, everything, new Set())];
}

/** The fields that an answer for an object of these types was made of. */
export function askedFields(
  sets: readonly SelectionSetNode[],
  fragments: Fragments,
  variables: Variables,
  types: readonly string[],
): FieldNode[] {
  const which: Which = {
    directives: (directives) => directives.every((directive) => holds(directive, variables)),
    type: (condition) => types.includes(condition),
  };
  return sets.flatMap((set) => [...walk(set, fragments, which, new Set())]);
}

function holds({ name, arguments: given = [] }: DirectiveNode, variables: Variables): boolean {
  if (name.value !== 'skip' && name.value !== 'include') return true;
  const condition = given.find((argument) => argument.name.value === 'if');
  if (condition === undefined) return true;
  return (valueFromASTUntyped(condition.value, { ...variables }) === true) === (name.value === 'include');
}
