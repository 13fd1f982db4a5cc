import fc from 'fast-check';

import type { EventType } from '../../../src/event/catalogue.ts';
import { examplePayloads } from '../../support/events.ts';
import { changing, queries, reading, type Operation } from './operations.ts';
import type { Frame } from './peer.ts';

/** A message, and as much of its meaning as keeps the conversation free of races that the protocol leaves open. */
export interface Message extends Frame {
  readonly subscribes?: string;
  readonly completes?: string;
  readonly changes?: boolean;
  /** The stock server closes the socket a moment after it, and for what comes in that moment. */
  readonly alone?: boolean;
}

export interface EventSpec {
  readonly type: EventType;
  /** In its payload; also what its schema forbids, as another version may have written it. */
  readonly data: Record<string, string | number | null>;
}

export type Step =
  /** All in one write, and an event in the same turn of the event loop. */
  | { readonly do: 'send'; readonly messages: readonly Message[]; readonly event: EventSpec | null }
  | { readonly do: 'append'; readonly events: readonly EventSpec[] }
  /** `complete`, and the same id at once for something else. */
  | { readonly do: 'reuse'; readonly complete: Message; readonly subscribe: Message }
  | { readonly do: 'hold' | 'release'; readonly what: 'reads' | 'acknowledgements' }
  | { readonly do: 'leave'; readonly how: 'close' | 'terminate' };

/** From one handshake to the socket's end. */
export interface Connection {
  readonly protocols: readonly string[];
  readonly authorization: string | null;
  readonly first: Message | null;
  readonly steps: readonly Step[];
}

const ids = fc.constantFrom('1', '2', '3', 'a "quoted" \\ one', '🩺é\u2028', '__proto__', 'constructor');
const shape = fc.record({ binary: fc.boolean(), parts: fc.constantFrom(1, 1, 1, 2, 3) });

const framed = (messages: fc.Arbitrary<Omit<Message, 'binary' | 'parts'>>): fc.Arbitrary<Message> =>
  fc.tuple(messages, shape).map(([message, frame]) => ({ ...message, ...frame }));
const json = (message: object) => ({ data: JSON.stringify(message) });

const subscribe = (id: string, payload: Operation) => ({ ...json({ id, type: 'subscribe', payload }), subscribes: id });
const complete = (id: string) => ({ ...json({ id, type: 'complete' }), completes: id });

const begins = framed(
  fc.oneof(
    { weight: 6, arbitrary: fc.tuple(ids, reading).map(([id, operation]) => subscribe(id, operation)) },
    { weight: 2, arbitrary: fc.tuple(ids, changing).map(([id, operation]) => ({ ...subscribe(id, operation), changes: true })) },
  ),
);
const ends = framed(ids.map(complete));

/** Anything that may stand where an object is expected. */
const oddities = fc.oneof(
  fc.constantFrom(undefined, null, {}, [], 0, 1, '', 'text', true, false),
  fc.dictionary(fc.string(), fc.jsonValue()),
);
const objects = fc.oneof(fc.constantFrom(undefined, null, {}), fc.dictionary(fc.string(), fc.jsonValue()));
const pings = framed(
  fc
    .tuple(fc.constantFrom('ping', 'ping', 'pong'), fc.oneof({ weight: 9, arbitrary: objects }, oddities))
    .map(([type, payload]) => json({ type, payload })),
);

const tokens = fc.constantFrom<unknown>(
  { token: '«member»' },
  { authorization: 'Bearer «member»' },
  { token: '«member»,A123' },
  { connectionParams: { token: 'Bearer «member»' } },
  { token: 'refused' },
  { token: 'unknowable' },
  { token: '«member»', authorization: 'Bearer refused' },
  { authorization: 'Basic abc' },
);
const inits = framed(fc.oneof(tokens, oddities).map((payload) => json({ type: 'connection_init', payload })));
const goodInit: Message = { ...json({ type: 'connection_init', payload: { token: '«member»' } }), binary: false, parts: 1 };

/** A subscribe or complete message of which one thing is not as it should be. */
const malformed = framed(
  fc
    .record({ type: fc.constantFrom('subscribe', 'complete'), id: ids, query: fc.constant('{ __typename }') })
    .chain(({ type, id, query }) =>
      fc.oneof(
        fc.constantFrom(undefined, null, '', 0, 7, {}, ['1']).map((odd) => json({ type, id: odd, payload: { query } })),
        fc.constantFrom(undefined, null, [], 'text', 1, {}).map((odd) => json({ type: 'subscribe', id, payload: odd })),
        fc
          .tuple(fc.constantFrom('query', 'variables', 'operationName', 'extensions'), fc.constantFrom(0, false, [], 'x', {}))
          .filter(([field, odd]) =>
            field === 'query' || field === 'operationName' ? odd !== 'x' : Array.isArray(odd) || odd === 'x',
          )
          .map(([field, odd]) => json({ type: 'subscribe', id, payload: { query, [field]: odd } })),
      ),
    ),
);
const junk = framed(
  fc
    .oneof(
      fc.constantFrom<string | Buffer>(
        '',
        'null',
        '[]',
        '{}',
        '{"type":""}',
        '{"type":1}',
        '{"type":"shout"}',
        '{"type":"constructor","id":"1"}',
        '[{"type":"ping"}]',
        '{"__proto__":{"type":"ping"}}',
        '{"type":"shout","type":"ping"}',
        '\uFEFF{"type":"ping"}',
        ' {"type" : "ping"}\n',
        Buffer.of(0x7b, 0xff, 0x7d),
      ),
      fc.json({ maxDepth: 2 }),
    )
    .map((data) => ({ data })),
);
const serversOwn = framed(
  fc
    .constantFrom(
      json({ type: 'connection_ack' }),
      json({ type: 'connection_ack', payload: [] }),
      json({ type: 'next', id: '1', payload: { data: null } }),
      json({ type: 'next' }),
      json({ type: 'error', id: '1', payload: [{ message: 'no' }] }),
      json({ type: 'error', id: '1', payload: [] }),
    )
    .map((message) => ({ ...message, alone: true })),
);

const messages = fc.oneof(
  { weight: 50, arbitrary: begins },
  { weight: 20, arbitrary: ends },
  { weight: 12, arbitrary: pings },
  { weight: 1, arbitrary: inits },
  { weight: 1, arbitrary: malformed },
  { weight: 1, arbitrary: junk },
  { weight: 1, arbitrary: serversOwn },
);

const types = fc.constantFrom(...(Object.keys(examplePayloads) as EventType[])); // its own keys
const changes = fc.constantFrom<EventSpec['data']>(
  {},
  {},
  {},
  { providerName: 'Dr. Ñandú 🩺', joinUrl: 'https://video.example/?q="\u2028' },
  { accountId: 'A999' },
  { providerName: 'long '.repeat(14_000) }, // longer than the short and the middle header of a frame can tell
  { providerName: 7, callId: null },
  { accountId: null },
  { offerExpiresAt: 'never', percent: 40.5 },
);
const events = fc.record({ type: types, data: changes });

/**
 * In one breath no id comes back after its `complete` (that is `reuse`), and what changes something is alone with what asks nothing: which of two
 * operations is first is for neither server to promise.
 */
function orderly(all: readonly Message[]): readonly Message[] {
  const alone = all.find((message) => message.alone === true);
  if (alone !== undefined) return [alone];
  const completed = new Set<string>();
  const change = all.find(({ changes }) => changes === true);
  return all.filter((message) => {
    if (message.completes !== undefined) completed.add(message.completes);
    if (message.subscribes === undefined) return true;
    return !completed.has(message.subscribes) && (change === undefined || message === change);
  });
}

/** More queries at once than the product runs at once. */
const crowds = fc
  .tuple(fc.array(queries, { minLength: 5, maxLength: 8 }), shape)
  .map(([some, frame]) => some.map((operation, at): Message => ({ ...subscribe(`crowd ${String(at)}`, operation), ...frame })));

/** What is best effort has no order with what is critical: which of two is first depends on how soon it is asked for. */
const batches = fc
  .array(events, { minLength: 1, maxLength: 3 })
  .map((some) => some.filter(({ type }, at) => at === 0 || (type !== 'rte.progress' && some[0]?.type !== 'rte.progress')));

const steps: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc
      .record({
        do: fc.constant('send' as const),
        messages: fc.oneof(
          { weight: 6, arbitrary: messages.map((message) => [message]) },
          { weight: 3, arbitrary: fc.array(messages, { minLength: 2, maxLength: 8 }).map(orderly) },
          { weight: 1, arbitrary: crowds },
        ),
        event: fc.oneof({ weight: 5, arbitrary: fc.constant(null) }, events),
      })
      // An event races with what would acknowledge or narrow it.
      .map((step) => (step.messages.some(({ changes }) => changes === true) ? { ...step, event: null } : step)),
  },
  { weight: 8, arbitrary: fc.record({ do: fc.constant('append' as const), events: batches }) },
  {
    weight: 3,
    arbitrary: fc.tuple(ids, reading, shape, shape).map(([id, operation, one, other]) => ({
      do: 'reuse' as const,
      complete: { ...complete(id), ...one },
      subscribe: { ...subscribe(id, operation), ...other },
    })),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom('hold' as const, 'release' as const),
      what: fc.constantFrom('reads' as const, 'acknowledgements' as const),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('leave' as const), how: fc.constantFrom('close' as const, 'terminate' as const) }),
  },
);

export const connections: fc.Arbitrary<Connection> = fc.record({
  protocols: fc.oneof(
    { weight: 20, arbitrary: fc.constant(['graphql-transport-ws']) },
    fc.constantFrom([], ['graphql-ws'], ['graphql-ws', 'graphql-transport-ws']),
  ),
  authorization: fc.oneof(
    { weight: 9, arbitrary: fc.constant(null) },
    fc.constantFrom('Bearer «member»', 'Bearer refused', 'Basic abc'),
  ),
  first: fc.oneof({ weight: 9, arbitrary: fc.constant(goodInit) }, inits, fc.constant(null)),
  steps: fc.array(steps, { minLength: 1, maxLength: 16, size: 'max' }),
});
