import type { MemberEvent } from '../event/event.ts';
import type { Entry, Ring } from './log.ts';

/**
 * What stands in Redis and on the doorbell, and back. `shared.lua` describes the entry text; a ring is `E|epoch|generation|sequence|`
 * and an entry text, `B|` and an event's JSON, or `A|` and ids. Text and separators instead of JSON all through, because scripts take
 * entries apart and must not parse payloads to do so.
 */

/** An account as scripts compare it: '' for none, else JSON (which knows no lone surrogates) without the separator. */
export function accountText(account: string | null): string {
  if (account === null) return '';
  const text = JSON.stringify(account);
  return text.includes('|') ? text.replaceAll('|', '\\u007c') : text; // where there is none it still takes 4 µs
}

/** @throws Error when the text is not an entry */
export function parseEntry(text: string, epoch: string, generation: number, sequence: number): Entry {
  let at = 0;
  const next = () => {
    const end = text.indexOf('|', at);
    if (end < 0) throw new Error('An entry in the log is cut short.');
    const field = text.slice(at, end);
    at = end + 1;
    return field;
  };
  const [state, chain, refed] = [next(), next(), next()];
  next(); // expiresAt: the event has it
  const acknowledgedAt = next();
  for (const _skipped of ['appendedAt', 'id', 'account']) next();
  return {
    event: parseEvent(text.slice(at)),
    position: { epoch, generation, sequence, chain },
    acknowledgedAt: state === 'A' ? Number(acknowledgedAt) : null,
    refed: refed === '1',
  };
}

/** The event behind `B|`, in a latest value, or at the end of an entry text. */
export function parseEvent(json: string): MemberEvent {
  return JSON.parse(json) as MemberEvent; // only the append script writes it, from a MemberEvent
}

/** @returns null for what is no ring: anyone who may PUBLISH can ring */
export function parseRing(message: string): Ring | null {
  try {
    const kind = message.slice(0, 2);
    if (kind === 'B|') return { kind: 'passing', event: parseEvent(message.slice(2)) };
    if (kind === 'A|') return { kind: 'acknowledged', ids: message.slice(2).split('|') };
    const head = /^E\|([^|]+)\|(\d+)\|(\d+)\|/.exec(message);
    if (head === null) return null;
    const [whole, epoch = '', generation, sequence] = head;
    return { kind: 'entry', entry: parseEntry(message.slice(whole.length), epoch, Number(generation), Number(sequence)) };
  } catch {
    return null;
  }
}
