import {
  type ArgumentNode,
  type DocumentNode,
  type FieldNode,
  Kind,
  OperationTypeNode,
  print,
  type SelectionNode,
  valueFromASTUntyped,
} from 'graphql';

import type { EventFacts } from '../client/index.ts';
import { additionsTo } from './additions.ts';
import { fragmentsFor, fragmentsIn, fragmentsOf, rootField } from './root-field.ts';
import { answerName, type Variables } from './selection.ts';
import { renameAfter, variable, variablesIn, withDefaults } from './variables.ts';

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

type Answered = Readonly<Record<string, unknown>>;

function derive(document: DocumentNode): Hybrid | null {
  const operations = document.definitions.filter((node) => node.kind === Kind.OPERATION_DEFINITION);
  const [operation] = operations;
  // Directives on the operation or its field are somebody else's: they need not mean the same on a query.
  if (operations.length !== 1 || operation?.operation !== OperationTypeNode.SUBSCRIPTION) return null;
  if ((operation.directives ?? []).length > 0) return null;
  const all = fragmentsOf(document);
  const own = rootField(operation, all);
  if (own?.selectionSet === undefined || !fields.has(own.name.value)) return null;

  const isAfter = ({ name }: ArgumentNode) => name.value === 'after';
  const start = own.arguments?.find(isAfter)?.value;
  const { root, fragments, nameOf } = renameAfter(
    { ...own, arguments: (own.arguments ?? []).filter((argument) => !isAfter(argument)) },
    fragmentsFor(own, all),
  );
  const { selectionSet = own.selectionSet } = root;
  const additions = additionsTo(selectionSet, fragmentsIn(fragments));
  const used = variablesIn([root, ...fragments]);
  const renamed = (given: Variables): Variables =>
    Object.fromEntries(Object.entries(given).map(([name, value]) => [nameOf(name), value]));

  const make = (kind: OperationTypeNode, selections: readonly SelectionNode[]): string =>
    print({
      kind: Kind.DOCUMENT,
      definitions: [
        {
          ...operation,
          operation: kind,
          variableDefinitions: [
            ...(operation.variableDefinitions ?? [])
              .map((definition) => ({ ...definition, variable: variable(nameOf(definition.variable.name.value)) }))
              .filter((definition) => used.has(definition.variable.name.value)),
            afterDefinition,
          ],
          selectionSet: selectionOf([
            { ...root, arguments: [...(root.arguments ?? []), afterArgument], selectionSet: selectionOf(selections) },
          ]),
        },
        ...fragments,
      ],
    });
  const event = [...selectionSet.selections, ...additions.fields];
  const page = [field('nodes', event), field('pageInfo', [field('endCursor'), field('hasNextPage')]), field('pollAfterMs')];

  return {
    subscription: make(OperationTypeNode.SUBSCRIPTION, event),
    query: make(OperationTypeNode.QUERY, page),
    field: answerName(own),
    variables(given) {
      const after: unknown = start === undefined ? null : valueFromASTUntyped(start, { ...withDefaults(operation, given) });
      const passed = Object.entries(renamed(given)).filter(([name, value]) => used.has(name) && value !== undefined);
      return { ...Object.fromEntries(passed), after: after ?? null };
    },
    factsOf(answered) {
      const read = additions.reader(answered as Answered); // an object, by the schema
      const { id, cursor, sequence, ackRequired, acknowledgedAt } = read('delivery') as EventFacts; // as the document asks
      return {
        id,
        cursor,
        sequence,
        ackRequired,
        acknowledgedAt,
        type: read('type') as string,
        channel: read('channel') as string,
      }; // as above
    },
    strip: (answered, given) => additions.remove(answered as Answered, renamed(withDefaults(operation, given))), // an object, by the schema
  };
}

const nameNode = (value: string) => ({ kind: Kind.NAME, value }) as const;
const selectionOf = (selections: readonly SelectionNode[]) => ({ kind: Kind.SELECTION_SET, selections }) as const;
const field = (name: string, selections: readonly SelectionNode[] = []): FieldNode => ({
  kind: Kind.FIELD,
  name: nameNode(name),
  ...(selections.length === 0 ? {} : { selectionSet: selectionOf(selections) }),
});
const afterArgument: ArgumentNode = { kind: Kind.ARGUMENT, name: nameNode('after'), value: variable('after') };
const afterDefinition = {
  kind: Kind.VARIABLE_DEFINITION,
  variable: variable('after'),
  type: { kind: Kind.NAMED_TYPE, name: nameNode('String') },
} as const;
