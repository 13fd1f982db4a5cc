import { variableNames, type Environment } from './settings.ts';

const families = /^(KAFKA|REDIS|JWT|CURSOR|CORS)_.../;
const allowedSlips = 2;

/**
 * A sentence for every variable that is set and looks like one of ours misspelt (`KAFKA_BROKER`, `JWT_JWKS_URI`, `REDIS_URI`). Only a
 * hint: clusters inject variables of the same families (`REDIS_SERVICE_HOST`, `KAFKA_PORT`) that are nobody's mistake.
 */
export function nearMisses(env: Environment): string[] {
  const sentences: string[] = [];
  for (const [name, value] of Object.entries(env)) {
    if (value === undefined || value === '' || !families.test(name) || variableNames.some((known) => known === name)) continue;
    const meant = closest(name);
    if (meant !== null) sentences.push(`${name} is not a variable of ours and has no effect: did you mean ${meant}?`);
  }
  return sentences;
}

function closest(name: string): string | null {
  const ranked = variableNames
    .map((known) => ({ known, slips: known.startsWith(name) ? 0 : distance(name, known) }))
    .sort((a, b) => a.slips - b.slips);
  const best = ranked[0];
  return best !== undefined && best.slips <= allowedSlips ? best.known : null;
}

/** Levenshtein: insertions, deletions and substitutions from one to the other. */
function distance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const substituted = (row[j - 1] ?? 0) + (from[i - 1] === to[j - 1] ? 0 : 1);
      next.push(Math.min(substituted, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
