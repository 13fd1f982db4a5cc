import { hash } from 'node:crypto';

import type { MemberEvent } from '../event/event.ts';
import type { Acknowledgement, Retention } from './log.ts';

/**
 * `closed` keeps what acknowledgements are answered from, `buried` only the id: a payload goes earlier than the memory of its id.
 */
type State = 'pending' | 'acknowledged' | 'closed' | 'buried';

/** What is remembered of one sequence. */
interface Remembered {
  readonly id: string;
  readonly sequence: number;
  readonly chain: string;
  readonly account: string | null;
  readonly appendedAt: number;
  readonly refed: boolean;
  readonly expiresAt: number;
  state: State;
  acknowledgedAt: number | null;
  event: MemberEvent | null;
}

/** An entry that can still be read: its payload is there and, while pending, its expiry has not passed. */
export type Readable = Remembered & { readonly event: MemberEvent };

/** One member's log in memory: dense sequences, the ids it remembers, what is pending. */
export class MemberLog {
  #sequence = 0;
  #chain = '';
  #pending = 0;
  /** Ascending by sequence, because a Map keeps the order of insertion. */
  readonly #entries = new Map<number, Remembered>();
  readonly #sequences = new Map<string, number>();

  get sequence(): number {
    return this.#sequence;
  }

  get chain(): string {
    return this.#chain;
  }

  /** Expired entries count until they are buried. */
  get pending(): number {
    return this.#pending;
  }

  /** @returns the new entry, or null when the id is remembered */
  append(event: MemberEvent, expiresAt: number, refed: boolean, now: number): Readable | null {
    if (this.#sequences.has(event.id)) return null;
    this.#sequence++;
    this.#pending++;
    this.#chain = hash('sha1', this.#chain + event.id).slice(0, 8);
    const entry: Readable = {
      id: event.id,
      sequence: this.#sequence,
      chain: this.#chain,
      account: event.accountId,
      appendedAt: now,
      refed,
      expiresAt,
      state: 'pending',
      acknowledgedAt: null,
      event,
    };
    this.#entries.set(entry.sequence, entry);
    this.#sequences.set(entry.id, entry.sequence);
    return entry;
  }

  /** The fingerprint at a sequence; undefined above the head and where the entry is forgotten. */
  chainAt(sequence: number): string | undefined {
    return sequence === 0 ? '' : this.#entries.get(sequence)?.chain;
  }

  readable(sequence: number, now: number): Readable | null {
    const entry = this.#entries.get(sequence);
    return entry !== undefined && isReadable(entry, now) ? entry : null;
  }

  *readableFrom(from: number, now: number): Generator<Readable> {
    for (const entry of this.#entries.values()) if (entry.sequence > from && isReadable(entry, now)) yield entry;
  }

  acknowledge(ids: readonly string[], accounts: readonly string[] | null, now: number): Acknowledgement {
    const acknowledged: string[] = [];
    const alreadyAcknowledged: string[] = [];
    const unknown: string[] = [];
    for (const id of new Set(ids)) {
      const entry = this.#entries.get(this.#sequences.get(id) ?? 0);
      if (
        entry === undefined ||
        entry.state === 'buried' ||
        (entry.account !== null && accounts !== null && !accounts.includes(entry.account)) ||
        (entry.state === 'pending' && entry.expiresAt <= now)
      ) {
        unknown.push(id);
      } else if (entry.state === 'pending') {
        entry.state = 'acknowledged';
        entry.acknowledgedAt = now;
        this.#pending--;
        acknowledged.push(id);
      } else {
        alreadyAcknowledged.push(id);
      }
    }
    return { acknowledged, alreadyAcknowledged, unknown };
  }

  /** Pending entries whose expiry has passed. */
  expired(now: number): Readable[] {
    return [...this.#entries.values()].filter(
      (entry): entry is Readable => entry.state === 'pending' && entry.expiresAt <= now && entry.event !== null,
    );
  }

  bury(sequences: readonly number[]): number {
    let buried = 0;
    for (const sequence of sequences) {
      const entry = this.#entries.get(sequence);
      if (entry?.state !== 'pending') continue;
      entry.state = 'buried';
      entry.event = null;
      this.#pending--;
      buried++;
    }
    return buried;
  }

  /** Drops the payloads of what was acknowledged too long ago, or before the newest `acknowledgedAtMost`. */
  trim(retention: Retention, now: number): number {
    const kept = [...this.#entries.values()].filter((entry) => entry.state === 'acknowledged');
    const surplus = kept.length - retention.acknowledgedAtMost;
    let trimmed = 0;
    for (const [index, entry] of kept.entries()) {
      if (index >= surplus && (entry.acknowledgedAt ?? 0) + retention.acknowledgedForMs > now) continue;
      entry.state = 'closed';
      entry.event = null;
      trimmed++;
    }
    return trimmed;
  }

  /** From the lowest sequence up, so that what is remembered stays one stretch. Sequence and fingerprint go on from where they are. */
  forget(retention: Retention, now: number): number {
    let forgotten = 0;
    for (const entry of this.#entries.values()) {
      if (entry.event !== null || entry.appendedAt + retention.idsForMs > now) break;
      this.#entries.delete(entry.sequence);
      this.#sequences.delete(entry.id);
      forgotten++;
    }
    return forgotten;
  }
}

function isReadable(entry: Remembered, now: number): entry is Readable {
  return entry.event !== null && (entry.state !== 'pending' || entry.expiresAt > now);
}
