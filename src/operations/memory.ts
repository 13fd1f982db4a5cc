import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/**
 * Gives back to the system what the start has left behind. Loading code makes V8 grow its young generation to its full 64 MB, and V8 gives
 * it back only in a major collection of a heap at rest: minutes later, or never where something small is always going on. It grows again
 * as soon as there is work for it. Takes some tens of milliseconds, in which nothing else runs.
 */
export function releaseStartMemory(): void {
  // Node has no call for it without the flag, and whoever starts us should not have to know of one.
  setFlagsFromString('--expose-gc');
  const collect: NodeJS.GCFunction = runInNewContext('gc');
  setFlagsFromString('--no-expose-gc');
  // `last-resort`, because any other one keeps the size of the young generation.
  collect({ type: 'major', execution: 'sync', flavor: 'last-resort' });
}
