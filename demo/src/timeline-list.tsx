import { Icon } from './icons.tsx';
import type { Note, Row, Rows } from './timeline.ts';
import { inTime } from './words.ts';

export function TimelineList({ rows }: { readonly rows: Rows }) {
  return (
    <section className="timeline" aria-labelledby="timeline-title">
      <h2 id="timeline-title">What arrived</h2>
      {rows.length === 0 ? <p className="quiet">Nothing yet.</p> : null}
      <ol>
        {rows.map((row) => (row.how === 'note' ? <NoteItem key={row.key} note={row} /> : <RowItem key={row.key} row={row} />))}
      </ol>
    </section>
  );
}

const ways = {
  pushed: 'Pushed',
  polled: 'Polled',
  repeated: 'Repeated, dropped',
} as const;

function RowItem({ row }: { readonly row: Row }) {
  const { id, type, how, text, about, at, copies, shown, receipt, failures } = row;
  return (
    <li data-delivery-id={id} data-how={how} data-shown={shown} data-receipt={receipt}>
      <time dateTime={new Date(at).toISOString()}>{inTime(at)}</time>
      <span className="how">
        <Icon name={how} />
        {ways[how]}
        {copies > 1 ? ` × ${String(copies)}` : ''}
      </span>
      <span className="what">
        {text ?? type} <span className="about">{about}</span>
      </span>
      {how === 'repeated' ? null : <Receipt receipt={receipt} failures={failures} />}
    </li>
  );
}

const receipts = {
  none: { icon: 'waiting', word: 'Not yet acknowledged' },
  acknowledged: { icon: 'acknowledged', word: 'Acknowledged' },
  failed: { icon: 'failed', word: 'Handler failed' },
  'not-needed': { icon: 'note', word: 'Best effort' },
} as const;

function Receipt({ receipt, failures }: Pick<Row, 'receipt' | 'failures'>) {
  const { icon, word } = receipts[receipt];
  return (
    <span className="receipt" data-receipt={receipt}>
      <Icon name={icon} />
      {word}
      {failures > 0 && receipt !== 'failed' ? ' after a failure' : ''}
    </span>
  );
}

function NoteItem({ note: { at, text } }: { readonly note: Note }) {
  return (
    <li data-how="note">
      <time dateTime={new Date(at).toISOString()}>{inTime(at)}</time>
      <span className="what">{text}</span>
    </li>
  );
}
