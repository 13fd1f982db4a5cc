import type { Entry } from '../log/log.ts';

/** A stretch of the log as it was read: every entry of interest with a sequence up to `scannedTo`, ascending. */
export interface ReadStretch {
  readonly entries: readonly Entry[];
  readonly scannedTo: number;
}

export interface Merged {
  /** To hand out now, ascending, each sequence once. */
  readonly entries: readonly Entry[];
  /** Everything up to here is dealt with. */
  readonly position: number;
  /** Something beyond `position` was heard, but what lies between was not: read the log from `position`. */
  readonly gap: boolean;
}

/**
 * History ⊕ doorbell. `heard` may be out of order, doubled, late or full of holes; what was read is the truth up to `scannedTo`, and of
 * what was heard only an unbroken run behind it counts. Nothing is ever taken across a hole: a hole is a lost doorbell, and the log has it.
 */
export function merge(read: ReadStretch, heard: readonly Entry[]): Merged {
  const entries = [...read.entries];
  let position = read.scannedTo;
  let beyond = false;
  for (const entry of heard.toSorted((a, b) => a.position.sequence - b.position.sequence)) {
    const { sequence } = entry.position;
    if (sequence === position + 1) {
      entries.push(entry);
      position = sequence;
    } else if (sequence > position) {
      beyond = true;
      break;
    }
  }
  return { entries, position, gap: beyond };
}
