import { readFileSync } from 'node:fs';

import { variableNames } from './config/settings.ts';
import { variables, type VariableNotes } from './config/variables.ts';

/** What a command line asks for. `text` is to be printed as it is. */
export type Command =
  | { readonly do: 'run'; readonly argv: readonly string[] }
  | { readonly do: 'print'; readonly text: string }
  /** For stderr, exit code 2. */
  | { readonly do: 'refuse'; readonly text: string };

/** @param argv what follows the program's name; whether a role is one of ours is left to `loadConfig`, which names every problem */
export function readCommandLine(argv: readonly string[]): Command {
  if (argv.some((word) => word === '--help' || word === '-h')) return { do: 'print', text: help() };
  if (argv.some((word) => word === '--version' || word === '-v')) return { do: 'print', text: version() };
  const option = argv.find((word) => word.startsWith('-'));
  if (option !== undefined) return { do: 'refuse', text: `Unknown option ${option}: see lifeline --help.` };
  if (argv.length > 1) return { do: 'refuse', text: `One role is enough, ${argv[1]} is one word too many: see lifeline --help.` };
  return { do: 'run', argv };
}

function version(): string {
  // Beside src/ and beside dist/ alike.
  const manifest: unknown = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  return typeof manifest === 'object' && manifest !== null && 'version' in manifest ? String(manifest.version) : 'unknown';
}

function help(): string {
  return `Lifeline gets every critical member event to every app: Kafka in, a log in Redis, GraphQL subscriptions and queries out.

Usage: lifeline [role]

Roles (first argument, or ROLE):
  serve    the gateway: GraphQL over HTTP, SSE and WebSocket on /graphql
  bridge   Kafka to Redis; /healthz, /readyz and /metrics only
  all      both in one process; the default

Without REDIS_URL and KAFKA_BROKERS it runs embedded: everything in memory, a demo member, nothing kept.

Options:
  -h, --help      this text
  -v, --version   the version

Variables (an empty one counts as not set):
${groups()
  .map(([group, names]) => `\n${group}\n${names.map(line).join('\n')}`)
  .join('\n')}

Examples:
  lifeline
  REDIS_URL=redis://127.0.0.1:6379 KAFKA_BROKERS=127.0.0.1:9092 JWT_SECRET=… CURSOR_SECRET=… lifeline
  REDIS_URL=rediss://user:password@redis:6380 KAFKA_BROKERS=kafka-1:9092,kafka-2:9092 lifeline bridge
`;
}

type Documented = VariableNotes & { readonly name: string };

function groups(): readonly (readonly [group: string, variables: readonly Documented[]])[] {
  const documented = variableNames.map((name) => ({ name, ...variables[name] }));
  return Object.entries(Object.groupBy(documented, ({ group }) => group));
}

function line({ name, means, otherwise }: Documented): string {
  const indent = ' '.repeat(27);
  return `  ${name.padEnd(24)} ${wrap(`${means} [${otherwise}]`, 90).join(`\n${indent}`)}`;
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let current = '';
  for (const word of text.split(' ')) {
    if (current !== '' && current.length + word.length >= width) {
      lines.push(current);
      current = word;
    } else current = current === '' ? word : `${current} ${word}`;
  }
  return [...lines, current];
}
