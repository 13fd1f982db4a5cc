import type { Trace } from '../../src/client/index.ts';

/** One copy of an event that reached this page, and what became of it. */
export interface Row {
  readonly key: number;
  /** The delivery's id: the same for every copy of an event. */
  readonly id: string;
  readonly type: string;
  readonly how: 'pushed' | 'polled' | 'repeated';
  readonly text: string | null;
  /** The last segment of its channel. */
  readonly about: string | null;
  /** ms since the epoch */
  readonly at: number;
  /** How often the library has handed it to the page and the page has taken it: never more than once. */
  readonly shown: number;
  readonly receipt: 'none' | 'acknowledged' | 'failed' | 'not-needed';
  /** How often the page could not handle it. */
  readonly failures: number;
  /** Repeats that came one after the other share a row. */
  readonly copies: number;
}

/** What happened to the connection, among what it brought. */
export interface Note {
  readonly key: number;
  readonly how: 'note';
  readonly text: string;
  /** ms since the epoch */
  readonly at: number;
}

/** Newest first. */
export type Rows = readonly (Row | Note)[];

const keepAtMost = 60;

/** What the library did with a copy. */
export function withTrace(rows: Rows, { kind, id, type, at }: Trace): Rows {
  switch (kind) {
    case 'pushed':
    case 'polled':
      return added(rows, id, type, kind, at);
    case 'repeated':
      return withRepeat(rows, id, type, at);
    case 'acknowledged':
      return changed(rows, id, (row) => ({ ...row, receipt: 'acknowledged' }));
    case 'handler-failed':
      return changed(rows, id, (row) => ({ ...row, receipt: 'failed', failures: row.failures + 1 }));
    case 'handled':
      return rows;
  }
}

/** Every copy is first told as `pushed` or `polled`, and then, when the event is known already, as `repeated`. */
function withRepeat(rows: Rows, id: string, type: string | null, at: number): Rows {
  const [newest, ...older] = rows;
  const rest = newest !== undefined && isHandedOver(newest, id) ? older : rows;
  const [last, ...others] = rest;
  if (last?.how === 'repeated' && last.id === id) return [{ ...last, at, copies: last.copies + 1 }, ...others];
  return added(rest, id, type, 'repeated', at);
}

export function withNote(rows: Rows, text: string, at: number): Rows {
  const [newest, ...older] = rows;
  const said = newest?.how === 'note' && newest.text === text; // each stream tells the same trouble
  return [{ key: nextKey(rows), how: 'note' as const, text, at }, ...(said ? older : rows)].slice(0, keepAtMost);
}

export interface Shown {
  readonly id: string;
  readonly type: string;
  readonly how: 'pushed' | 'polled';
  readonly text: string;
  readonly about: string;
  readonly ackRequired: boolean;
}

/** The page was handed an event: what it says becomes known for every copy of it. */
export function withShown(rows: Rows, { id, type, how, text, about, ackRequired }: Shown, now: number): Rows {
  const present = rows.some((row) => isHandedOver(row, id));
  const named = (present ? rows : added(rows, id, type, how, now)).map((row) =>
    row.how !== 'note' && row.id === id ? { ...row, text, about } : row,
  );
  return changed(named, id, (row) => ({
    ...row,
    shown: row.shown + 1,
    receipt: ackRequired || row.receipt !== 'none' ? row.receipt : 'not-needed',
  }));
}

function added(rows: Rows, id: string, type: string | null, how: Row['how'], at: number): Rows {
  const earlier = rows.find((row): row is Row => row.how !== 'note' && row.id === id);
  const row: Row = {
    key: nextKey(rows),
    id,
    type: type ?? earlier?.type ?? 'event',
    how,
    text: earlier?.text ?? null,
    about: earlier?.about ?? null,
    at,
    shown: 0,
    receipt: 'none',
    failures: 0,
    copies: 1,
  };
  return [row, ...rows].slice(0, keepAtMost);
}

/** The newest copy that was not dropped is the one that was handed over. */
function changed(rows: Rows, id: string, change: (row: Row) => Row): Rows {
  const index = rows.findIndex((row) => isHandedOver(row, id));
  return rows.map((row, at) => (at === index && row.how !== 'note' ? change(row) : row));
}

function isHandedOver(row: Row | Note, id: string): boolean {
  return (row.how === 'pushed' || row.how === 'polled') && row.id === id;
}

const nextKey = (rows: Rows) => (rows[0]?.key ?? 0) + 1;
