import fc, { type Arbitrary } from 'fast-check';
import {
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLNamedType,
  type GraphQLSchema,
  getNamedType,
  isAbstractType,
  isEnumType,
  isInterfaceType,
  isLeafType,
  isListType,
  isNonNullType,
  isObjectType,
} from 'graphql';

/**
 * GraphQL documents as text: most of them valid or nearly so, because what does not parse gets nowhere near the resolvers. Wrong names, wrong types,
 * wrong directives and fragments that go round come in small doses.
 */
export function documents(schema: GraphQLSchema, words: readonly string[]): Arbitrary<string> {
  const rarely = <T>(usual: Arbitrary<T>, odd: Arbitrary<T>, weight = 20): Arbitrary<T> =>
    fc.oneof({ arbitrary: usual, weight }, { arbitrary: odd, weight: 1 });
  const name = fc.constantFrom('nope', '__schema', '__typename', '__proto__', 'constructor', 'toString', 'memberId');
  const text = fc.oneof(fc.constantFrom(...words), fc.string({ unit: 'binary', maxLength: 40 }));
  const anyValue: Arbitrary<string> = fc.oneof(
    text.map((value) => JSON.stringify(value)),
    fc.maxSafeInteger().map(String),
    fc.double().map(String),
    fc.constantFrom('null', 'true', 'ENUM', '$v', '$undefined', '[]', '{}', '[[[1]]]', '{a: {b: 1}}', '"""block"""', '1e999', '-0'),
  );
  const valueOf = (type: GraphQLInputType): Arbitrary<string> => {
    if (isNonNullType(type)) return valueOf(type.ofType);
    if (isListType(type)) return fc.array(valueOf(type.ofType), { maxLength: 3 }).map((values) => `[${values.join(', ')}]`);
    if (isEnumType(type)) return fc.constantFrom(...type.getValues().map((value) => value.name));
    if (type.name === 'Int') return fc.constantFrom('1', '2', '10', '100', '1000', '-1', '0', '2147483648');
    if (type.name === 'Boolean') return fc.constantFrom('true', 'false');
    return text.map((value) => JSON.stringify(value));
  };

  const argumentsOf = ({ args }: GraphQLField<unknown, unknown>): Arbitrary<string> => {
    const each = args.map((argument) => {
      const given = rarely(valueOf(argument.type), anyValue, 8).map((value) => [`${argument.name}: ${value}`]);
      const left = fc.constant<string[]>([]);
      return isNonNullType(argument.type) ? rarely(given, left) : fc.oneof(given, left);
    });
    const odd = fc.oneof(
      { arbitrary: fc.constant<string[]>([]), weight: 30 },
      anyValue.map((value) => [`nope: ${value}`]),
    );
    return fc.tuple(odd, ...each).map((parts) => (parts.flat().length === 0 ? '' : `(${parts.flat().join(', ')})`));
  };
  const directive = fc.oneof(
    { arbitrary: fc.constant(''), weight: 20 },
    fc.constantFrom(
      ' @skip(if: false)',
      ' @include(if: true)',
      ' @include(if: $v)',
      ' @skip',
      ' @nope',
      ' @deprecated',
      ' @skip(if: true) @skip(if: true)',
    ),
  );
  const alias = fc.oneof({ arbitrary: fc.constant(''), weight: 6 }, fc.constantFrom('a: ', 'b: ', 'type: ', '__a: '));

  const selectionOf = (type: GraphQLNamedType, depth: number): Arbitrary<string> => {
    const fields = isObjectType(type) || isInterfaceType(type) ? Object.values(type.getFields()) : [];
    const leaves = fields.filter((field) => isLeafType(getNamedType(field.type)));
    const usable = depth > 0 || leaves.length === 0 ? fields : leaves;
    const inner = (of: GraphQLNamedType) => (isLeafType(of) || depth < -2 ? fc.constant('') : selectionsOf(of, depth - 1));
    const field = usable.map((each) =>
      fc
        .tuple(alias, argumentsOf(each), directive, inner(getNamedType(each.type)))
        .map((parts) => [parts[0], each.name, ...parts.slice(1)].join('')),
    );
    const narrower = isAbstractType(type) ? schema.getPossibleTypes(type) : [];
    const spread = narrower.map((each) => selectionsOf(each, depth - 1).map((selections) => `... on ${each.name}${selections}`));
    const odd = fc.oneof(name, fc.constantFrom('...F', '...G', '...Nope', '... on Nope { a }', '... { __typename }'));
    return rarely(fc.oneof(...field, ...spread, fc.constant('__typename')), odd, 40);
  };
  const selectionsOf = (type: GraphQLNamedType, depth: number): Arbitrary<string> =>
    fc.array(selectionOf(type, depth), { minLength: 1, maxLength: depth > 2 ? 3 : 5 }).map((list) => ` { ${list.join(' ')} }`);

  const roots = (['query', 'mutation', 'subscription'] as const).flatMap((kind) => {
    const type = { query: schema.getQueryType(), mutation: schema.getMutationType(), subscription: schema.getSubscriptionType() }[
      kind
    ];
    if (type === null || type === undefined) return [];
    const one = selectionOf(type, 4).map((selection) => ` { ${selection} }`);
    const selections = kind === 'query' ? fc.oneof(one, selectionsOf(type, 3)) : rarely(one, selectionsOf(type, 3), 8);
    const head = rarely(
      fc.constantFrom(kind, `${kind} Q`, `${kind} ($v: Boolean = true)`),
      fc.constantFrom(`${kind} ($v: Nope)`, `${kind} @nope`, 'fragment X on Query'),
    );
    return [fc.tuple(head, selections).map((parts) => parts.join(''))];
  });
  const fragments = fc.oneof(
    { arbitrary: fc.constant(''), weight: 6 },
    fc.constantFrom(
      ' fragment F on MemberEvent { type ...G } fragment G on MemberEvent { channel }',
      ' fragment F on MemberEvent { ...G } fragment G on MemberEvent { ...F }',
      ' fragment F on Query { ...F }',
      ' query Second { __typename }',
    ),
  );
  const whole = fc.tuple(fc.oneof(...roots), fragments).map((parts) => parts.join(''));

  const hostile = fc.oneof(
    fc.integer({ min: 1, max: 2_000 }).map((depth) => '{ a '.repeat(depth) + '}'.repeat(depth)),
    fc.integer({ min: 1, max: 2_000 }).map((count) => `{ ${'__typename '.repeat(count)}}`),
    fc
      .integer({ min: 1, max: 300 })
      .map((count) => `{ ${Array.from({ length: count }, (_, n) => `a${n}: session { memberId }`).join(' ')} }`),
    fc.integer({ min: 1, max: 60 }).map(doubling),
    fc.integer({ min: 1, max: 5_000 }).map((count) => `{ session(a: ${'['.repeat(count)}${']'.repeat(count)}) { memberId } }`),
    fc.string({ unit: 'binary', maxLength: 400 }),
    fc.constantFrom(
      '',
      '{',
      '}',
      '{ }',
      'query',
      '#',
      '"""',
      '\u0000',
      '\uFEFF{ __typename }',
      '{ __typename } '.repeat(50),
      'schema { query: Query }',
      'extend type Query { a: Int }',
    ),
  );
  // A character put in, left out or doubled: what a bad keyboard, a bad cable or a bad mind makes of a good document.
  const damaged = fc
    .tuple(whole, fc.nat(), fc.constantFrom('', '"', '{', '}', '\\', '\u0000', '...', '@', '$', '#', '\uD800'))
    .map(([document, place, put]) => {
      const at = place % (document.length + 1);
      return document.slice(0, at) + put + document.slice(at + 1);
    });
  return fc.oneof({ arbitrary: whole, weight: 6 }, { arbitrary: damaged, weight: 2 }, { arbitrary: hostile, weight: 2 });
}

/** Each fragment spreads the next one twice. */
function doubling(count: number): string {
  const fragments = Array.from({ length: count }, (_, n) => `fragment F${n} on Session { ...F${n + 1} ...F${n + 1} }`);
  return `{ session { ...F0 } } ${fragments.join(' ')} fragment F${count} on Session { memberId }`;
}
