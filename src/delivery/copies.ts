import type { Entry } from '../log/log.ts';
import type { Delivery } from './delivery.ts';

/** @returns the first copy of an entry, as every subscription that takes it in the same millisecond gets it: the very same object */
export type FirstCopy = (entry: Entry, sentAt: number) => Delivery;

/** An audience is served at a stretch, and each of it may lack the latest few. */
const kept = 16;

/** Whoever writes a copy that an audience of thousands gets has to write it once. */
export function createCopies(): FirstCopy {
  const entries: Entry[] = [];
  const copies: Delivery[] = [];
  let oldest = 0;
  return (entry, sentAt) => {
    const known = entries.indexOf(entry);
    const copy = copies[known];
    if (copy?.sentAt === sentAt) return copy;
    const made = copyOf(entry, { attempt: 1, replayed: false, sentAt });
    const place = known < 0 ? oldest : known;
    if (known < 0) oldest = (oldest + 1) % kept;
    entries[place] = entry;
    copies[place] = made;
    return made;
  };
}

export function copyOf(
  { event, position, acknowledgedAt }: Entry,
  copy: Pick<Delivery, 'attempt' | 'replayed' | 'sentAt'>,
): Delivery {
  return { event, position, sequence: position.sequence, acknowledgedAt, ...copy };
}
