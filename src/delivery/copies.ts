import type { Entry } from '../log/log.ts';
import type { Delivery } from './delivery.ts';

/** @returns the first copy of an entry, as every subscription that takes it in the same millisecond gets it: the very same object */
export type FirstCopy = (entry: Entry, sentAt: number) => Delivery;

/** Whoever writes a copy that an audience of thousands gets has to write it once. One slot, because an audience is served at a stretch. */
export function createCopies(): FirstCopy {
  let of: Entry | undefined;
  let copy: Delivery | undefined;
  return (entry, sentAt) => {
    if (copy === undefined || of !== entry || copy.sentAt !== sentAt) {
      of = entry;
      copy = copyOf(entry, { attempt: 1, replayed: false, sentAt });
    }
    return copy;
  };
}

export function copyOf(
  { event, position, acknowledgedAt }: Entry,
  copy: Pick<Delivery, 'attempt' | 'replayed' | 'sentAt'>,
): Delivery {
  return { event, position, sequence: position.sequence, acknowledgedAt, ...copy };
}
