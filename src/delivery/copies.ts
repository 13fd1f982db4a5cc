import { Latest } from '../latest.ts';
import type { Entry } from '../log/log.ts';
import type { Delivery } from './delivery.ts';

/** @returns the first copy of an entry, as every subscription that takes it in the same millisecond gets it: the very same object */
export type FirstCopy = (entry: Entry, sentAt: number) => Delivery;

/** Whoever writes a copy that an audience of thousands gets has to write it once. */
export function createCopies(): FirstCopy {
  const copies = new Latest<Entry, Delivery>();
  return (entry, sentAt) => {
    const known = copies.get(entry);
    if (known?.sentAt === sentAt) return known;
    const copy = copyOf(entry, { attempt: 1, replayed: false, sentAt });
    copies.set(entry, copy);
    return copy;
  };
}

export function copyOf(
  { event, position, acknowledgedAt }: Entry,
  copy: Pick<Delivery, 'attempt' | 'replayed' | 'sentAt'>,
): Delivery {
  return { event, position, sequence: position.sequence, acknowledgedAt, ...copy };
}
