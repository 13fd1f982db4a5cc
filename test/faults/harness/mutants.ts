import type { Mutant } from './instrument.ts';

/** Goes on at the end of the partition, like a consumer that trusts what it has not applied. */
export const skipsWhatItMissed: Mutant = {
  file: 'src/bridge/lane.ts',
  find: 'return inRange(stood.next, range);',
  replace: 'return inRange(range.high, range);',
};

/** Takes an append that failed for done, like a writer that logs and goes on. */
export const forgetsFailedAppends: Mutant = {
  file: 'src/bridge/lane.ts',
  find: "await need('log', () => writer.append(to, records));",
  replace: "await writer.append(to, records).catch(() => ({ status: 'ok', appended: 0, duplicates: 0, stale: 0, crowded: 0 }));",
};

/** Begins an empty log with what comes next, like a consumer whose reset policy is "latest". */
export const startsWithTheLatest: Mutant = {
  file: 'src/bridge/lane.ts',
  find: 'const start = Math.max(range.low, Math.min(range.high, young, stood.known ?? Infinity));',
  replace: 'const start = range.high;',
};

/** Takes a cursor as the whole truth and hands out only what comes from now on, like plain publish and subscribe. */
export const resumesWithoutReplay: Mutant = {
  file: 'src/delivery/reader.ts',
  find: 'page.entries.filter((entry) => entry.position.sequence <= to.sequence)',
  replace: 'page.entries.filter((entry) => current.after === null && entry.position.sequence <= to.sequence)',
};

/** Never reads the log for a live stream: what the doorbell lost is lost. */
export const trustsTheDoorbell: Mutant = {
  file: 'src/delivery/reader.ts',
  find: 'if (at !== undefined && (answered !== feed.doubts || heard.gap)) {',
  replace: 'if (heard.gap) scannedTo = (feed.recent[0]?.position.sequence ?? 1) - 1;\n    if (at === undefined) {',
};

/** Does not tell a client that repeats its acknowledgement that it is done. */
export const forgetsAcknowledgements: Mutant = {
  file: 'src/delivery/service.ts',
  find: 'return answer;',
  replace: 'return { ...answer, alreadyAcknowledged: [] };',
};
