import {
  getOperationAST,
  isAbstractType,
  isEnumType,
  isLeafType,
  isListType,
  isNonNullType,
  isObjectType,
  Kind,
  OperationTypeNode,
  type DocumentNode,
  type FieldNode,
  type GraphQLField,
  type GraphQLLeafType,
  type GraphQLNullableType,
  type GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLResolveInfo,
  type GraphQLSchema,
  type SelectionSetNode,
} from 'graphql';

import { Latest } from '../latest.ts';

/**
 * Writes what a subscription selects of one event as the JSON text of `data`: what graphql-js answers for the same event, to the byte, at a
 * sixth of its cost. It knows only the usual; for everything else it answers undefined, and graphql-js does the event.
 *
 * It gives up on: errors of any kind (also a null where the schema promises a value), promises, values a scalar would have to coerce.
 */
export type Projection = (rootValue: unknown, context: unknown) => Written | undefined;

/** A JSON text. */
export interface Written {
  readonly text: string;
  /** In UTF-8: counted here, once for all who get the same. */
  readonly bytes: number;
}

/** One value, written; or `gaveUp`. */
type Writer = (value: unknown, context: unknown) => string;

/** Thrown and caught in here only; one object, because a stack would cost more than the event. */
const gaveUp = new Error('not for the projection');
const giveUp = (): never => {
  throw gaveUp;
};

/**
 * The projection of a validated subscription document, or null for what it cannot do: directives, arguments below the field itself, resolvers
 * that look at `info`.
 */
export function compileProjection(
  schema: GraphQLSchema,
  document: DocumentNode,
  operationName: string | null | undefined,
): Projection | null {
  const operation = getOperationAST(document, operationName);
  const root = schema.getSubscriptionType();
  if (operation?.operation !== OperationTypeNode.SUBSCRIPTION || root === null || root === undefined) return null;
  try {
    const { object, seen } = compiler(schema, document);
    const write = object(root, [operation.selectionSet], 'root');
    const project: Projection = (rootValue, context) => {
      try {
        const text = write(rootValue, context);
        return { text, bytes: Buffer.byteLength(text) };
      } catch {
        return undefined; // graphql-js runs it again and says what is wrong with it
      }
    };
    return seen.context ? project : onceEach(project);
  } catch (error) {
    if (error === gaveUp) return null;
    throw error;
  }
}

/** What looks at nothing but the item is the same for whoever gets the same item. */
function onceEach(project: Projection): Projection {
  const latest = new Latest<object, Written | 'not for the projection'>();
  return (item, context) => {
    if (typeof item !== 'object' || item === null) return project(item, context);
    let written = latest.get(item);
    if (written === undefined) latest.set(item, (written = project(item, context) ?? 'not for the projection'));
    return written === 'not for the projection' ? undefined : written;
  };
}

function compiler(schema: GraphQLSchema, document: DocumentNode) {
  /** What any of the compiled resolvers looks at, beside the value above it. */
  const seen = { context: false };
  const fragments = new Map(
    document.definitions.flatMap((node) => (node.kind === Kind.FRAGMENT_DEFINITION ? [[node.name.value, node]] : [])),
  );

  /** Fields by response key, in the order of their first appearance; CollectFields of the GraphQL specification (6.3.2). */
  const collect = (
    type: GraphQLObjectType,
    selectionSet: SelectionSetNode,
    into: Map<string, FieldNode[]>,
    spread: Set<string>,
  ): Map<string, FieldNode[]> => {
    const applies = (condition: string | undefined) => {
      if (condition === undefined || condition === type.name) return true;
      const abstract = schema.getType(condition);
      return isAbstractType(abstract) && schema.isSubType(abstract, type);
    };
    for (const selection of selectionSet.selections) {
      if ((selection.directives ?? []).length > 0) giveUp();
      if (selection.kind === Kind.FIELD) {
        const key = (selection.alias ?? selection.name).value;
        into.set(key, [...(into.get(key) ?? []), selection]);
      } else if (selection.kind === Kind.INLINE_FRAGMENT) {
        if (applies(selection.typeCondition?.name.value)) collect(type, selection.selectionSet, into, spread);
      } else if (!spread.has(selection.name.value)) {
        spread.add(selection.name.value);
        const fragment = fragments.get(selection.name.value) ?? giveUp();
        if ((fragment.directives ?? []).length > 0) giveUp();
        if (applies(fragment.typeCondition.name.value)) collect(type, fragment.selectionSet, into, spread);
      }
    }
    return into;
  };

  const object = (type: GraphQLObjectType, selectionSets: readonly SelectionSetNode[], at: 'root' | 'below'): Writer => {
    const fields = new Map<string, FieldNode[]>();
    const spread = new Set<string>();
    for (const selectionSet of selectionSets) collect(type, selectionSet, fields, spread);
    const writers = [...fields].map(([key, nodes], index) => ({
      before: `${index === 0 ? '' : ','}${JSON.stringify(key)}:`,
      write: field(type, nodes, at),
    }));
    return (value, context) => {
      let text = '{';
      for (const { before, write } of writers) text += before + write(value, context);
      return `${text}}`;
    };
  };

  const field = (type: GraphQLObjectType, nodes: readonly FieldNode[], at: 'root' | 'below'): Writer => {
    const [first] = nodes;
    const name = first?.name.value ?? giveUp();
    if (name === '__typename') {
      const text = JSON.stringify(type.name);
      return () => text;
    }
    const definition: GraphQLField<unknown, unknown> = type.getFields()[name] ?? giveUp();
    // The root field's arguments are `subscribe`'s; its `resolve` only unwraps the item.
    if (at === 'below' && definition.args.length > 0) giveUp();
    const resolve = resolverOf(definition);
    seen.context ||= (definition.resolve?.length ?? 0) > 2;
    const write = output(
      definition.type,
      nodes.flatMap(({ selectionSet }) => selectionSet ?? []),
    );
    return (source, context) => write(resolve(source, context), context);
  };

  const output = (type: GraphQLOutputType, selectionSets: readonly SelectionSetNode[]): Writer => {
    if (isNonNullType(type)) {
      const write = output(type.ofType, selectionSets);
      return (value, context) => (value === null || value === undefined ? giveUp() : write(value, context));
    }
    const write = present(type, selectionSets);
    return (value, context) => (value === null || value === undefined ? 'null' : write(value, context));
  };

  const present = (type: GraphQLNullableType & GraphQLOutputType, selectionSets: readonly SelectionSetNode[]): Writer => {
    if (isLeafType(type)) return leaf(type);
    if (isObjectType(type)) {
      const write = object(type, selectionSets, 'below');
      return (value, context) => (isPromise(value) ? giveUp() : write(value, context));
    }
    if (isListType(type)) {
      const write = output(type.ofType, selectionSets);
      return (value, context) => (Array.isArray(value) ? `[${value.map((item) => write(item, context)).join(',')}]` : giveUp());
    }
    if (isAbstractType(type)) {
      const { resolveType } = type;
      if (resolveType === null || resolveType === undefined || resolveType.length > 2) return giveUp();
      seen.context ||= resolveType.length > 1;
      const writers = new Map(schema.getPossibleTypes(type).map((each) => [each.name, object(each, selectionSets, 'below')]));
      return (value, context) => {
        const name = resolveType(value, context, noInfo, type);
        const write = typeof name === 'string' ? writers.get(name) : undefined;
        return write === undefined ? giveUp() : write(value, context);
      };
    }
    return giveUp();
  };

  return { object, seen };
}

/** Resolvers that are compiled do not look at it: they name two or three parameters. */
const noInfo = {} as GraphQLResolveInfo;

function resolverOf({ name, resolve }: GraphQLField<unknown, unknown>): Writer | ((source: unknown, context: unknown) => unknown) {
  if (resolve === undefined) {
    return (source) => {
      const value = (source as Readonly<Record<string, unknown>>)[name]; // graphql-js' default resolver reads it the same way
      return typeof value === 'function' ? giveUp() : value;
    };
  }
  if (resolve.length > 3) return giveUp();
  return (source, context) => resolve(source, {}, context, noInfo);
}

function leaf(type: GraphQLLeafType): Writer {
  const expected = plain[type.name];
  if (expected !== undefined)
    return (value) => (typeof value === expected.type && expected.fits(value) ? JSON.stringify(value) : giveUp());
  const known = isEnumType(type)
    ? new Map(type.getValues().map(({ name, value }) => [value as unknown, JSON.stringify(name)]))
    : null;
  if (known !== null) return (value) => known.get(value) ?? giveUp();
  return (value) => {
    if (isPromise(value)) return giveUp();
    const serialized: unknown = type.serialize(value);
    return serialized === null || serialized === undefined ? giveUp() : JSON.stringify(serialized);
  };
}

/** What needs no coercion by graphql-js' own scalars. */
const plain: Readonly<Record<string, { type: string; fits: (value: unknown) => boolean } | undefined>> = {
  String: { type: 'string', fits: () => true },
  ID: { type: 'string', fits: () => true },
  Boolean: { type: 'boolean', fits: () => true },
  Int: { type: 'number', fits: (value) => Number.isInteger(value) && Math.abs(Number(value)) < 2 ** 31 },
  Float: { type: 'number', fits: Number.isFinite },
};

function isPromise(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'then' in value;
}
