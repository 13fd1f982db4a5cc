import { readFileSync } from 'node:fs';

import fc from 'fast-check';
import { buildSchema, executeSync, parse, validate } from 'graphql';
import { describe, expect, test } from 'vitest';

import { hybridOf, type Hybrid } from '../../src/apollo/hybrid.ts';
import { drawnDocuments } from './documents.ts';

const schema = buildSchema(readFileSync(new URL('../../schema/schema.graphql', import.meta.url), 'utf8'));

const delivery = {
  __typename: 'Delivery',
  id: 'd-1',
  cursor: 'c-1',
  sequence: 7,
  attempt: 2,
  replayed: true,
  ackRequired: true,
  acknowledgedAt: null,
  sentAt: '2026-11-20T17:04:11.312Z',
};
const common = { occurredAt: '2026-11-20T17:04:11.312Z', delivery };
const price = { amount: '40.00', currency: 'USD' };
const events = {
  coverageUpdates: [
    {
      __typename: 'CoverageUpdate',
      type: 'rte.completed',
      channel: '/member/m-1/rte/wf-1',
      ...common,
      workflowId: 'wf-1',
      accountId: 'A123',
      status: 'COMPLETED',
      percent: null,
      coverage: { plan: 'PPO', copay: price },
      failure: null,
    },
  ],
  videoVisitEvents: [
    {
      __typename: 'VideoVisitEvent',
      type: 'call.extend',
      channel: '/member/m-1/video-visit/call-9',
      ...common,
      callId: 'call-9',
      kind: 'EXTEND',
      extension: { minutes: 15, price, offerExpiresAt: '2026-11-20T18:15:00.000Z' },
    },
  ],
  generic: [
    { __typename: 'GenericEvent', type: 'news', channel: '/member/m-1/news/1', ...common, payload: { type: 'a', delivery: [1] } },
  ],
};
const memberEvents = [...events.coverageUpdates, ...events.videoVisitEvents, ...events.generic];
const eventsOf = (root: string): readonly object[] =>
  root === 'memberEvents' ? memberEvents : root === 'coverageUpdates' ? events.coverageUpdates : events.videoVisitEvents;

const run = (document: string, variables: object, rootValue: object) => {
  const { data, errors } = executeSync({ schema, document: parse(document), rootValue, variableValues: { ...variables } });
  expect(errors).toBeUndefined();
  return JSON.parse(JSON.stringify(data)) as Record<string, unknown>; // as it comes over the network
};
const derive = (document: string): Hybrid => {
  const hybrid = hybridOf(parse(document));
  if (hybrid === null) throw new Error(`not one of ours: ${document}`);
  return hybrid;
};

describe('whatever an app selects', () => {
  test('both documents are valid, tell what the library must know, and stripped are what the app would have got', () => {
    let valid = 0;
    fc.assert(
      fc.property(drawnDocuments, ({ document, variables, root }) => {
        if (validate(schema, parse(document)).length > 0) return;
        valid++;
        const hybrid = derive(document);
        const given = hybrid.variables(variables);
        for (const text of [hybrid.subscription, hybrid.query])
          expect(
            validate(schema, parse(text)).map(({ message }) => message),
            text,
          ).toEqual([]);
        for (const event of eventsOf(root)) {
          const wanted = run(document, variables, { [root]: event })[hybrid.field];
          const pushed = run(hybrid.subscription, given, { [root]: event })[hybrid.field];
          const page = { nodes: [event], pageInfo: { endCursor: 'c-9', hasNextPage: false }, pollAfterMs: 2_000 };
          const polled = run(hybrid.query, given, { [root]: page })[hybrid.field] as typeof page;
          const { id, cursor, sequence, ackRequired, acknowledgedAt } = delivery;
          const { type, channel } = event as { type: string; channel: string };
          const facts = { id, cursor, sequence, ackRequired, acknowledgedAt, type, channel };
          expect(polled).toEqual({ ...page, nodes: [pushed] });
          expect(hybrid.factsOf(pushed)).toEqual(facts);
          expect(hybrid.strip(pushed, variables), hybrid.subscription).toEqual(wanted);
        }
      }),
      { numRuns: 600 },
    );
    expect(valid).toBeGreaterThan(300);
  });

  test('an `after` of the app is where both start', () => {
    fc.assert(
      fc.property(drawnDocuments, ({ document, variables }) => {
        if (validate(schema, parse(document)).length > 0) return;
        const expected = document.includes('after: $start') ? 'from-there' : document.includes('"from-here"') ? 'from-here' : null;
        expect(derive(document).variables(variables)['after']).toBe(expected);
      }),
    );
  });
});

test('a plain document gets what is missing, and keeps its name, arguments and order', () => {
  const hybrid = derive('subscription Watch($a: ID!) { mine: coverageUpdates(accountId: $a) { workflowId delivery { id } } }');
  expect(hybrid.field).toBe('mine');
  expect(hybrid.variables({ a: 'A123', unknown: 1 })).toEqual({ a: 'A123', after: null });
  expect(hybrid.subscription.replaceAll(/\s+/g, ' ')).toBe(
    'subscription Watch($a: ID!, $after: String) { mine: coverageUpdates(accountId: $a, after: $after) { workflowId delivery { id } ' +
      '__typename type channel delivery { id cursor sequence attempt replayed ackRequired acknowledgedAt } } }',
  );
  expect(hybrid.query.replaceAll(/\s+/g, ' ')).toContain(
    'query Watch($a: ID!, $after: String) { mine: coverageUpdates(accountId: $a, after: $after) { nodes { workflowId delivery',
  );
});

test('what is not a subscription of exactly one of our fields is left alone', () => {
  const foreign = [
    'subscription { newsFlashes { title } }',
    'subscription { coverageUpdates(accountId: "A") { type } videoVisitEvents { type } }',
    'subscription { a: coverageUpdates(accountId: "A") { type } b: coverageUpdates(accountId: "B") { type } }',
    'subscription { __typename coverageUpdates(accountId: "A") { type } }',
    'subscription { coverageUpdates(accountId: "A") @include(if: true) { type } }',
    'subscription @live { coverageUpdates(accountId: "A") { type } }',
    'subscription { coverageUpdates(accountId: "A") }',
    'subscription { ...A } fragment A on Subscription { ...A }',
    'subscription { ...Missing }',
    'subscription A { coverageUpdates(accountId: "A") { type } } subscription B { coverageUpdates(accountId: "B") { type } }',
    'query { coverageUpdates(accountId: "A") { pollAfterMs } }',
    'mutation { acknowledgeDeliveries(ids: []) { unknown } }',
    'fragment A on CoverageUpdate { type }',
  ];
  for (const document of foreign) expect(hybridOf(parse(document)), document).toBeNull();
});

test('a fragment that contains itself does not hang anything: the server refuses it', () => {
  const hybrid = derive('subscription { memberEvents(channel: "/x") { ...A } } fragment A on MemberEvent { type ...A }');
  expect(hybrid.subscription).toContain('fragment A on MemberEvent');
});

test('the same document object is looked at once', () => {
  const document = parse('subscription { videoVisitEvents { kind } }');
  expect(hybridOf(document)).toBe(hybridOf(document));
});
