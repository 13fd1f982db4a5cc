import type { z } from 'zod';

import { notes, variables, type VariableName } from './variables.ts';

export type Role = 'serve' | 'bridge' | 'all';
export type Environment = Readonly<Record<string, string | undefined>>;
/** The variables that are set, as text. */
export type Present = Readonly<Partial<Record<VariableName, string>>>;
/** The variables that are set, parsed. */
export type Settings = Readonly<z.output<typeof variables>>;

export const variableNames = Object.keys(variables.shape) as readonly VariableName[]; // Object.keys loses the literal keys

/** An empty value counts as unset: that is how compose files and shells pass on what nobody gave. */
export function presentIn(env: Environment): Present {
  const present: Partial<Record<VariableName, string>> = {};
  for (const name of variableNames) {
    const value = env[name];
    if (value === undefined || value.trim() === '') continue;
    // White space around a secret may belong to it; the issuer signed with it.
    present[name] = isSecret(name) ? value : value.trim();
  }
  return present;
}

/** Each variable on its own; what cannot be read is left out and named in `problems`, which never quote a secret. */
export function readVariables(present: Present, problems: string[]): Settings {
  const result = variables.safeParse(present);
  if (result.success) return result.data;
  const broken = new Set<string>();
  for (const issue of result.error.issues) {
    const name = variableNames.find((known) => known === issue.path[0]);
    if (name === undefined || broken.has(name)) continue;
    broken.add(name);
    problems.push(isSecret(name) ? `${name} ${issue.message}` : `${name}=${quotable(present[name] ?? '')} ${issue.message}`);
  }
  return variables.parse(Object.fromEntries(Object.entries(present).filter(([name]) => !broken.has(name))));
}

function isSecret(name: VariableName): boolean {
  return notes.get(variables.shape[name])?.secret ?? true;
}

/** One line, and not longer than it helps. */
function quotable(value: string): string {
  const line = value.replaceAll(/\s+/g, ' ');
  return line.length > 80 ? `${line.slice(0, 80)}…` : line;
}
