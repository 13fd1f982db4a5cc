import { errorTable, type ErrorCode } from '../../../src/errors.ts';

/** Where the product means to be another server than graphql-ws's own `useServer`. Everything else has to be the same. */
export interface Deliberate {
  readonly what: string;
  readonly why: string;
  /** What a client sends behind an accepted `connection_init`, message by message. */
  readonly sends: readonly (object | string)[];
  /** What it then hears, in short (`hearing`): from the stock server, and from the product. */
  readonly stock: readonly string[];
  readonly ours: readonly string[];
}

const query = '{ __typename }';
const ask = (id: string, text: string, more: object = {}) => ({ id, type: 'subscribe', payload: { query: text, ...more } });
const answered = (id: string) => [`next ${id}`, `complete ${id}`];
const longId = 'i'.repeat(200);
const nested = (levels: number) => `{"type":"ping","payload":{"a":${'['.repeat(levels)}${']'.repeat(levels)}}}`;

/**
 * Missing here is what only time shows, and what tests of its own hold: `connection_init` is awaited for 10 s instead of 3 (a slow phone needs
 * them), pings come from one timer for all sockets (it also cuts those that do not read), an expired token closes with 4403, a restart with 1012
 * instead of 1001, and a verifier that cannot tell with 1013 instead of 4500 (codes that stock clients come back after).
 */
export const deliberate: readonly Deliberate[] = [
  {
    what: 'every error has `extensions`, `{code, retry}`',
    why: 'clients decide by them, not by sentences',
    sends: [ask('1', '{ memberEvents(channel: "nonsense") { pollAfterMs } }')],
    stock: [
      'next 1: This is not a channel pattern. Patterns read like `/member/m-1/rte/*` or `/member/m-1/**`: whole segments, `**` only at the end.',
      'complete 1',
    ],
    ours: [
      'next 1: BAD_USER_INPUT This is not a channel pattern. Patterns read like `/member/m-1/rte/*` or `/member/m-1/**`: whole segments, `**` only at the end.',
      'complete 1',
    ],
  },
  {
    what: 'a document that is no GraphQL is an `error` of its operation',
    why: 'an error in one operation never closes the socket of the others, and stock clients do not come back after 4500',
    sends: [ask('1', '{')],
    stock: ['closed 4500 Syntax Error: Expected Name, found <EOF>.'],
    ours: ['error 1: BAD_USER_INPUT Syntax Error: Expected Name, found <EOF>.'],
  },
  {
    what: 'a subscription whose field hangs on a variable is invalid, as the specification has it since 2025',
    why: 'graphql-js 16 stumbles over one whose only field is left out',
    sends: [ask('1', 'subscription { videoVisitEvents @skip(if: true) { kind } }')],
    stock: ['closed 4500 undefined is not iterable (cannot read property Symbol(Symbol.iterator))'],
    ours: ['error 1: BAD_USER_INPUT @skip cannot stand on the field that is subscribed to. Send another document instead.'],
  },
  {
    what: 'an operation that the document does not have is told in a sentence',
    why: 'it says what to change',
    sends: [ask('1', query, { operationName: 'A' })],
    stock: ['error 1: Unable to identify operation'],
    ours: ['error 1: BAD_USER_INPUT The document has no such operation, or several and no operationName.'],
  },
  {
    what: 'a message that only servers send closes with 4400',
    why: 'it is a mistake of the client, which 4500 says it is not',
    sends: [{ id: '1', type: 'next', payload: { data: null } }],
    stock: ['closed 4500 Unexpected message of type next received'],
    ours: ['closed 4400 Only servers send next'],
  },
  {
    what: 'an id used again right after `complete` is another operation',
    why: 'the stock server takes the end of the first for that of the second; here the second waits for it',
    sends: [
      ask('1', 'subscription { videoVisitEvents { kind } }'),
      `${JSON.stringify({ id: '1', type: 'complete' })}\n${JSON.stringify(ask('1', 'subscription { videoVisitEvents { callId } }'))}`,
    ],
    stock: ['complete 1'],
    ours: [],
  },
  {
    what: 'the id that is in use is told with 4409 however long it is, but shortened',
    why: 'a close frame holds 123 bytes',
    sends: [ask(longId, 'subscription { videoVisitEvents { kind } }'), ask(longId, query)],
    stock: ['closed 4500 The message must not be greater than 123 bytes'],
    ours: [`closed 4409 Subscriber for ${longId.slice(0, 25)}`],
  },
  {
    what: 'a message above 64 KiB is an error of its operation',
    why: 'a bound on what strangers make us hold; the stock server takes 100 MiB and then closes with 1009',
    sends: [ask('1', query, { extensions: { filler: 'x'.repeat(65_536) } }), ask('2', query)],
    stock: [...answered('1'), ...answered('2')],
    ours: ['error 1: BAD_USER_INPUT A message may hold at most 64 KiB.', ...answered('2')],
  },
  {
    what: 'a message nested too deeply is refused',
    why: 'JSON.parse takes any depth, JSON.stringify does not: the pong to it would end as a failure of ours',
    sends: [nested(600)],
    stock: ['pong'],
    ours: ['closed 4400 A message may be nested at most 500 levels deep.'],
  },
  {
    what: 'documents have limits',
    why: 'of depth, aliases, tokens and bytes; each an error with its sentence',
    sends: [ask('1', `{ ${Array.from({ length: 16 }, (_, n) => `a${String(n)}: __typename`).join(' ')} }`)],
    stock: answered('1'),
    ours: ['error 1: BAD_USER_INPUT The operation has 16 aliases; at most 15 are allowed.'],
  },
  {
    what: 'at most ten mistakes of a document are told',
    why: 'finding them costs, and nobody reads a hundred',
    sends: [ask('1', `{ ${Array.from({ length: 12 }, (_, n) => `nope${String(n)}`).join(' ')} }`)],
    stock: ['error 1: Cannot query field "nope0" on type "Query".'],
    ours: ['error 1: BAD_USER_INPUT Cannot query field "nope0" on type "Query".'],
  },
  {
    what: 'the 101st operation of a socket is refused',
    why: 'a bound on what one client can make us hold',
    sends: Array.from({ length: 101 }, (_, n) => ask(`s${String(n)}`, 'subscription { videoVisitEvents { kind } }')),
    stock: [],
    ours: ['error s100: RATE_LIMITED At most 100 operations at once run over one connection. Complete some.'],
  },
];

/** One message, or one close, as both servers should have sent it: ours without what is deliberate. Unchanged if nothing of that kind is in it. */
export function withoutDeliberate(ours: string, stock: string): string {
  if (ours === stock || !ours.startsWith('{') || !stock.startsWith('{')) return ours;
  const [mine, theirs] = [JSON.parse(ours) as Sent, JSON.parse(stock) as Sent]; // what servers of ours sent
  const own = errorsOf(mine);
  const others = errorsOf(theirs);
  for (const [index, error] of own.entries()) {
    const { code, retry, id, ...more } = error.extensions ?? {};
    const known = code !== undefined && Object.hasOwn(errorTable, code) && errorTable[code].retry === retry;
    if (!known || Object.keys(more).length > 0) continue; // stays, and is the difference
    delete error.extensions;
    const other = others[index];
    if (other === undefined) continue;
    const masked = code === 'INTERNAL' && id !== undefined && error.message === errorTable.INTERNAL.message;
    const unidentified = mine.type === 'error' && other.message === 'Unable to identify operation';
    if (masked || (unidentified && error.message.startsWith('The document has no such operation'))) error.message = other.message;
  }
  return JSON.stringify(mine);
}

interface Sent {
  readonly type: string;
  readonly id?: string;
  readonly payload?: { readonly errors?: readonly SentError[] } | readonly SentError[];
}

interface SentError {
  message: string;
  extensions?: { code?: ErrorCode; retry?: string; id?: string };
}

function errorsOf({ payload }: Sent): readonly SentError[] {
  if (payload === undefined || payload === null) return [];
  return 'errors' in payload ? (payload.errors ?? []) : Array.isArray(payload) ? payload : [];
}

const closes: readonly (readonly [stock: RegExp, ours: RegExp])[] = [
  [/^4500 Unexpected message of type (\w+) received$/, /^4400 Only servers send (\w+)$/],
  [/^4400 Invalid message received$/, /^4400 Only servers send (\w+)$/],
  // The reason is a sentence that tells what to do.
  [/^4403 Forbidden$/, /^4403 (?:No valid token\.|The token must come|Two different tokens)/],
  // A verifier that cannot tell now: 1013 brings stock clients back.
  [/^4500 /, /^1013 The service cannot answer just now\./],
];

/** Whether two endings are the same, or differ as they are meant to. */
export function sameClose(ours: string | null, stock: string | null): boolean {
  if (ours === stock) return true;
  return ours !== null && stock !== null && closes.some(([theirs, mine]) => theirs.test(stock) && mine.test(ours));
}

/** Type and id, and the first error. */
export function hearing(text: string): string {
  const sent = JSON.parse(text) as Sent; // what servers of ours sent
  const [error] = errorsOf(sent);
  const what = [sent.type, sent.id].filter((part) => part !== undefined).join(' ');
  if (error === undefined) return what;
  return `${what}: ${error.extensions?.code === undefined ? '' : `${error.extensions.code} `}${error.message}`;
}
