import fc from 'fast-check';
import { execute, getNamedType, type GraphQLOutputType, isAbstractType, isObjectType, parse, validate } from 'graphql';
import { expect, test } from 'vitest';

import { decode } from '../../src/bridge/decode.ts';
import type { Delivery } from '../../src/delivery/delivery.ts';
import type { EventType } from '../../src/event/catalogue.ts';
import { createCursors } from '../../src/graphql/cursor.ts';
import { compileProjection } from '../../src/graphql/projection.ts';
import { schema } from '../../src/graphql/schema.ts';
import { exampleEvent, examplePayloads } from '../support/events.ts';

const contextValue = { cursors: createCursors('a-secret-of-more-than-thirty-two-characters') };
const anothers = { cursors: createCursors('another-secret-of-more-than-thirty-two-characters') };

/** Selections of a type: fields under any alias, repeated and merged, in fragments that apply, that never do, and nested ones. */
const selectionOf = (type: GraphQLOutputType, depth: number): fc.Arbitrary<string> => {
  const named = getNamedType(type);
  if (!isObjectType(named) && !isAbstractType(named)) return fc.constant('');
  const fields = Object.values('getFields' in named ? named.getFields() : {});
  const field: fc.Arbitrary<string> = fc.oneof(
    fc.constant('__typename'),
    fc
      .constantFrom(...fields)
      .chain((each) =>
        fc
          .tuple(
            fc.option(fc.constantFrom('a', 'b', 'data', '__proto__x'), { nil: null, freq: 4 }),
            selectionOf(each.type, depth - 1),
          )
          .map(([alias, below]) => `${alias === null ? '' : `${alias}_${each.name}: `}${each.name}${below}`),
      ),
  );
  const members = isAbstractType(named) ? schema.getPossibleTypes(named) : [named];
  const fragment = fc
    .constantFrom(...members)
    .chain((each) =>
      depth > 0 ? selectionOf(each, depth - 1).map((below) => `... on ${each.name}${below}`) : fc.constant('__typename'),
    );
  const shared =
    isObjectType(named) && named.getInterfaces().length > 0 ? fc.constant('... on MemberEvent { channel delivery { id } }') : field;
  return fc
    .array(fc.oneof({ weight: 6, arbitrary: field }, { weight: 2, arbitrary: fragment }, shared), { minLength: 1, maxLength: 5 })
    .map((parts) => ` { ${parts.join(' ')} }`);
};

const fields = schema.getSubscriptionType()?.getFields() ?? {};
const heads = {
  coverageUpdates: 'coverageUpdates(accountId: "A123")',
  videoVisitEvents: 'live: videoVisitEvents',
  memberEvents: 'memberEvents(channel: "/member/m-1/**")',
} as const;
const documents = fc
  .constantFrom(...(Object.keys(heads) as (keyof typeof heads)[])) // its own keys
  .chain((name) => {
    const type = fields[name]?.type;
    if (type === undefined) throw new Error(`The schema has no ${name}.`);
    return selectionOf(type, 3).map((selection) => `subscription { ${heads[name]}${selection} }`);
  });

const deliveries = fc.record({
  type: fc.constantFrom(...(Object.keys(examplePayloads) as EventType[])), // its own keys
  sequence: fc.option(fc.nat(), { nil: null }),
  attempt: fc.integer({ min: 1, max: 9 }),
  replayed: fc.boolean(),
  acknowledgedAt: fc.option(fc.integer({ min: 0, max: 2e12 }), { nil: null }),
  /** Payloads as other versions wrote them: fields gone, or of another type; text that needs escapes. */
  spoil: fc.option(fc.record({ field: fc.nat(9), value: fc.jsonValue({ stringUnit: 'binary' }) }), { nil: null, freq: 3 }),
});

function deliveryOf({ type, spoil, ...copy }: typeof deliveries extends fc.Arbitrary<infer Value> ? Value : never): Delivery {
  const value = Buffer.from(JSON.stringify(exampleEvent(type, { member: 'm-1' })));
  const origin = { topic: 't', partition: 0, offset: 0, timestamp: Date.now() };
  const decoded = decode({ key: null, value, headers: { 'content-type': 'application/cloudevents+json' }, origin }, Date.now());
  if (!decoded.ok) throw new Error(decoded.detail);
  const { data } = decoded.event;
  const names = Object.keys(data);
  const spoiled =
    spoil === null ? data : { ...data, [names[spoil.field % names.length] ?? '']: JSON.parse(JSON.stringify(spoil.value)) };
  return {
    event: { ...decoded.event, data: spoiled },
    position: { epoch: 'e', generation: 1, sequence: copy.sequence ?? 0, chain: 'c' },
    sentAt: 1_700_000_000_123,
    ...copy,
  };
}

/** Whether the field's filter lets events of this type through. */
const fits = (source: string, type: EventType) =>
  source.includes('memberEvents') || source.includes('coverageUpdates') === type.startsWith('rte.');

test('a projection writes what graphql-js answers, to the byte, or leaves it to graphql-js', () => {
  let written = 0;
  let left = 0;
  fc.assert(
    fc.property(documents, fc.array(deliveries, { minLength: 1, maxLength: 4 }), (source, copies) => {
      const document = parse(source);
      fc.pre(validate(schema, document).length === 0);
      const project = compileProjection(schema, document, null);
      expect(project).not.toBeNull();
      // Twice, because what was written once is kept for whoever may see the same.
      const items = copies.map((each) => ({ ...each, copy: deliveryOf(each) }));
      for (const [context, { copy, ...each }] of [contextValue, anothers].flatMap((own) =>
        items.map((item) => [own, item] as const),
      )) {
        const answer = execute({ schema, document, rootValue: copy, contextValue: context });
        if ('then' in answer) throw new Error('A subscription field of ours answered with a promise.');
        const answered = project?.(copy, context);
        if (answered === undefined) {
          if (fits(source, each.type)) expect(each.spoil).not.toBeNull(); // what producers may send is written
          left++;
        } else {
          expect(answer.errors).toBeUndefined();
          const text = JSON.stringify(answer.data);
          expect(answered).toEqual({ text, bytes: new TextEncoder().encode(text).length });
          written++;
        }
      }
    }),
    { numRuns: 600 },
  );
  expect(written).toBeGreaterThan(300);
  expect(left).toBeGreaterThan(20);
});

test.each([
  ['@include', 'subscription ($more: Boolean!) { videoVisitEvents { callId joinUrl @include(if: $more) } }'],
  ['@skip on a fragment', 'subscription { videoVisitEvents { callId ... @skip(if: false) { joinUrl } } }'],
])('a document with %s has no projection', (_what, source) => {
  const document = parse(source);
  expect(validate(schema, document)).toEqual([]);
  expect(compileProjection(schema, document, null)).toBeNull();
});

test('named fragments are followed once, whatever is spread how often', () => {
  const document = parse(`subscription { memberEvents(channel: "/member/m-1/**") { ...A ...A ... on VideoVisitEvent { ...B } } }
    fragment A on MemberEvent { type ...B delivery { id } } fragment B on MemberEvent { channel delivery { attempt } }`);
  const copy = deliveryOf({ type: 'call.ready', sequence: 1, attempt: 1, replayed: false, acknowledgedAt: null, spoil: null });
  const answer = execute({ schema, document, rootValue: copy, contextValue });
  expect(compileProjection(schema, document, null)?.(copy, contextValue)?.text).toBe(
    JSON.stringify('data' in answer ? answer.data : null),
  );
});
