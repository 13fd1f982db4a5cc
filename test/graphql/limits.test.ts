import { GraphQLError } from 'graphql';
import { describe, expect, test } from 'vitest';

import { createClientErrors } from '../../src/graphql/client-error.ts';
import { createEngine } from '../../src/graphql/engine.ts';
import { schema } from '../../src/graphql/schema.ts';
import { createLogger } from '../../src/operations/logger.ts';
import { createMetrics } from '../../src/operations/metrics.ts';

const engineWith = (introspection: boolean) =>
  createEngine({ schema, errors: createClientErrors({ logger: createLogger('silent'), metrics: createMetrics() }), introspection });
const engine = engineWith(true);

/** The sentences that a document is refused with. */
const refusals = (source: string, by = engine): string[] => {
  try {
    return by.validate(by.parse(source)).map(({ message }) => message);
  } catch (error) {
    if (error instanceof GraphQLError) return [error.message];
    throw error;
  }
};
const nested = (levels: number, leaf: string) => '{ a '.repeat(levels) + leaf + ' }'.repeat(levels);

describe('the limits of a document', () => {
  test('an ordinary document passes, and so does the introspection query of tools', async () => {
    const { getIntrospectionQuery } = await import('graphql');
    expect(refusals('{ session { memberId transports { kind url } } }')).toEqual([]);
    expect(refusals(getIntrospectionQuery({ descriptions: true, inputValueDeprecation: true, oneOf: true }))).toEqual([]);
  });

  test('10 levels are allowed, 11 are refused with a sentence', () => {
    expect(refusals(`{ session ${nested(9, '{ b }')} }`)).toEqual(['The operation is 11 levels deep; at most 10 are allowed.']);
    expect(refusals(`{ session ${nested(8, '{ b }')} }`).join()).not.toContain('levels deep');
  });

  test('depth is counted through fragments, named and inline', () => {
    const fragments = `query { session { ...A } } fragment A on Session { a { ...B } } fragment B on Session { b { ... on Session ${nested(7, '{ c }')} } }`;
    expect(refusals(fragments)).toEqual(['The operation is 11 levels deep; at most 10 are allowed.']);
  });

  test('15 aliases are allowed, 16 are refused, fragments spread out', () => {
    const aliases = (count: number) => Array.from({ length: count }, (_, n) => `a${String(n)}: memberId`).join(' ');
    expect(refusals(`{ session { ${aliases(15)} } }`)).toEqual([]);
    expect(refusals(`{ session { ${aliases(16)} } }`)).toEqual(['The operation has 16 aliases; at most 15 are allowed.']);
    expect(refusals(`{ x: session { ...A } y: session { ...A } } fragment A on Session { ${aliases(8)} }`)).toEqual([
      'The operation has 18 aliases; at most 15 are allowed.',
    ]);
  });

  // Walking them would take hours: the test would not end.
  test('fragments that double thirty times are counted, not walked', () => {
    const fragments = Array.from(
      { length: 30 },
      (_, n) => `fragment F${String(n)} on Session { ...F${String(n + 1)} ...F${String(n + 1)} }`,
    );
    expect(refusals(`{ session { ...F0 } } ${fragments.join(' ')} fragment F30 on Session { a: memberId }`)[0]).toMatch(
      /aliases; at most 15/,
    );
  });

  test('fragments that spread themselves end as a validation error', () => {
    expect(refusals('{ session { ...A } } fragment A on Session { ...B } fragment B on Session { ...A }').join()).toMatch(
      /within itself/,
    );
  });

  test('more than 1000 tokens, or more than 16 KiB, are not even parsed', () => {
    expect(refusals(`{ session { ${'memberId '.repeat(1_001)} } }`).join()).toMatch(/1000 tokens/);
    expect(refusals(`{ session { memberId } } # ${'x'.repeat(16 * 1024)}`)).toEqual(['The document is larger than 16 KiB.']);
  });

  test('fields that repeat by the hundred are refused with a sentence, by a bound of graphql-js', () => {
    expect(refusals(`{ ${'__typename '.repeat(400)} }`)).toEqual([]);
    expect(refusals(`{ ${'__typename '.repeat(990)} }`)).toEqual([
      'The document repeats the same fields too often to be checked. Select each of them once.',
    ]);
  });

  test('introspection that digs too deep is refused by the rule of graphql-js', () => {
    const deep = '{ __schema { types { fields { type { fields { type { fields { type { fields { name } } } } } } } } } }';
    expect(refusals(deep).join()).toMatch(/introspection/i);
  });

  test('with introspection off nothing tells the names of the schema, suggestions included', () => {
    const closed = engineWith(false);
    expect(refusals('{ __schema { types { name } } }', closed).join()).toMatch(/introspection has been disabled/i);
    expect(refusals('{ sesion { memberId } }').join()).toContain('session');
    expect(refusals('{ sesion { memberId } }', closed).join()).not.toContain('session');
    expect(refusals('{ __typename }', closed)).toEqual([]);
  });
});
