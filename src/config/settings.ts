import { Misread } from './readers.ts';
import { variables, type VariableName } from './variables.ts';

export type Role = 'serve' | 'bridge' | 'all';
export type Environment = Readonly<Record<string, string | undefined>>;
/** The variables that are set, as text. */
export type Present = Readonly<Partial<Record<VariableName, string>>>;
/** The variables that are set, parsed. */
export type Settings = { readonly [Name in VariableName]?: ReturnType<(typeof variables)[Name]['read']> };

export const variableNames = Object.keys(variables) as readonly VariableName[]; // Object.keys loses the literal keys

/** An empty value counts as unset: that is how compose files and shells pass on what nobody gave. */
export function presentIn(env: Environment): Present {
  const present: Partial<Record<VariableName, string>> = {};
  for (const name of variableNames) {
    const value = env[name];
    if (value === undefined || value.trim() === '') continue;
    // White space around a secret may belong to it; the issuer signed with it.
    present[name] = variables[name].secret ? value : value.trim();
  }
  return present;
}

/** Each variable on its own; what cannot be read is left out and named in `problems`, which never quote a secret. */
export function readVariables(present: Present, problems: string[]): Settings {
  const read: [VariableName, unknown][] = [];
  for (const name of variableNames) {
    const value = present[name];
    if (value === undefined) continue;
    try {
      read.push([name, variables[name].read(value)]);
    } catch (error) {
      if (!(error instanceof Misread)) throw error;
      problems.push(variables[name].secret ? `${name} ${error.message}` : `${name}=${quotable(value)} ${error.message}`);
    }
  }
  return Object.fromEntries(read); // each by the reader of its own name
}

/** One line, and not longer than it helps. */
function quotable(value: string): string {
  const line = value.replaceAll(/\s+/g, ' ');
  return line.length > 80 ? `${line.slice(0, 80)}…` : line;
}
