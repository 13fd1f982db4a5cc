/**
 * The benchmark: `npm run bench` (smoke, below four minutes), `npm run bench -- full`, `npm run bench -- full U B` for some workloads,
 * `npm run bench -- --help` for the rest. Prints tables and the goals, and ends with 1 where an event was lost or a goal was missed.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const here = new URL('./', import.meta.url);
const workloads = {
  U: 'unicast',
  B: 'broadcast',
  R: 'redis',
  X: 'mixed',
  I: 'idle',
  C: 'connect',
  D: 'drop',
  G: 'growth',
  W: 'append',
  K: 'decode',
  E: 'kafka',
  A: 'acknowledged',
  S: 'startup',
  N: 'sockets',
} as const;
type Letter = keyof typeof workloads;
const isLetter = (text: string): text is Letter => text in workloads;

const usage = `npm run bench -- [smoke | full] [workloads] [options]

  smoke            few sockets, short rounds, goals at half their size (the default; below 4 minutes)
  full             as the goals stand; the machine should do nothing else (about 25 minutes)
  workloads        ${Object.entries(workloads)
    .map(([letter, name]) => `${letter} ${name}`)
    .join(', ')}; all of them by default

  --only U,B       the same as naming them
  --rounds <n>     measured rounds, after the one that warms up (smoke 2, full 5)
  --servers a,b    only these servers, where a workload compares several
  --cpu-prof <s>   profiles the server named s; where its time went is printed, the profiles are in bench/results
  --from a,b       no measuring: tables, goals and plots of the lines of earlier runs, taken together
  --plots          writes docs/images/bench-*.svg (full runs always do)
  --help
`;

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: 'string' },
    rounds: { type: 'string' },
    servers: { type: 'string' },
    'cpu-prof': { type: 'string' },
    from: { type: 'string' },
    plots: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const words = [...positionals, ...(options.only?.split(',') ?? [])].map((word) => word.trim()).filter((word) => word !== '');
const profile = words.includes('full') ? 'full' : 'smoke';
const letters = words.filter((word) => word !== 'full' && word !== 'smoke').map((word) => word.toUpperCase());
const rounds = options.rounds === undefined ? undefined : Number(options.rounds);

const fail = (text: string): never => {
  process.stderr.write(`${text}\n`);
  process.exit(2);
};
if (options.help) {
  process.stdout.write(usage);
  process.exit(0);
}
if (!letters.every(isLetter)) fail(`There is no workload ${letters.find((letter) => !isLetter(letter))}.\n\n${usage}`);
if (rounds !== undefined && (!Number.isInteger(rounds) || rounds < 1)) fail('--rounds takes a whole number from 1.');

if (!existsSync(new URL('node_modules', here)) && options.from === undefined) {
  process.stderr.write('The peers are not installed yet: npm ci --prefix bench\n');
  const { status } = spawnSync('npm', ['ci', '--prefix', fileURLToPath(here)], { stdio: ['ignore', 'inherit', 'inherit'] });
  if (status !== 0) fail('That failed: run `npm ci --prefix bench` yourself, then the bench again.');
}

// Only now: what is behind it needs what was just installed.
const { runBench } = await import('./runner/bench.ts');
process.exitCode = await runBench({
  profile,
  rounds,
  servers: options.servers?.split(','),
  files: (Object.keys(workloads) as Letter[])
    .filter((letter) => letters.length === 0 || letters.includes(letter))
    .map((letter) => workloads[letter]), // Object.keys loses the literal keys
  cpuProf: options['cpu-prof'],
  from: options.from?.split(','),
  plots: options.plots || (profile === 'full' && letters.length === 0),
});
process.exit();
