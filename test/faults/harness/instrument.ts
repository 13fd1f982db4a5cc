import { appendFileSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * `--import`ed into a process under test, it arms the fail-points of the product and plants mutants.
 *
 * A fail-point is a comment in the product's source, `// fail-point: <name>`: nothing to execute, nothing to compile, nothing in `dist/`
 * beyond a comment. Here, and only here, such a line becomes code while the module is loaded. A mutant is a piece of source put in the place
 * of another: the deliberately broken product that proves that a test can fail. Both come in the variable FAULTS as JSON.
 */
export interface Instrumentation {
  /** SIGKILL at the `nth` pass of this fail-point; `soon`: once what was written there has left the process, and before an answer is back. */
  readonly kill?: { readonly at: FailPoint; readonly nth: number; readonly soon?: boolean };
  readonly mutants?: readonly Mutant[];
  /** A file that gets a line for each pass of a fail-point. */
  readonly trace?: string;
  /** A file that holds by how many ms this process's clock is wrong. Read at the start and at each SIGUSR2, which `<file>.seen` answers. */
  readonly clock?: string;
}

export type FailPoint =
  | 'between poll and append'
  | "inside append's await"
  | 'between append and commit'
  | 'between dead letter and skip'
  | 'between subscribe and read'
  | 'between read and merge'
  | 'between send and bookkeeping'
  | 'between ack script and ack reply';

export interface Mutant {
  /** Below the package's root. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

const root = fileURLToPath(new URL('../../..', import.meta.url));
const { kill, mutants = [], trace, clock } = JSON.parse(process.env['FAULTS'] ?? '{}') as Instrumentation;

if (clock !== undefined) skewClock(clock);

let passed = 0;
Object.assign(globalThis, {
  failPoint(name: string) {
    if (trace !== undefined) appendFileSync(trace, `${name}\n`);
    if (name !== kill?.at || ++passed !== kill.nth) return;
    const die = () => process.kill(process.pid, 'SIGKILL');
    if (kill.soon === true) setImmediate(die);
    else die();
  },
});

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    if (!url.startsWith('file:') || !url.includes('/src/') || loaded.source === undefined || loaded.source === null) return loaded;
    const file = relative(root, fileURLToPath(url));
    let source = typeof loaded.source === 'string' ? loaded.source : new TextDecoder().decode(loaded.source);
    for (const mutant of mutants.filter((each) => each.file === file)) {
      if (!source.includes(mutant.find)) throw new Error(`The mutant of ${file} does not fit any more: ${mutant.find}`);
      source = source.replaceAll(mutant.find, () => mutant.replace); // a plain string would have its `$&` filled in
    }
    source = source.replaceAll(
      /^(\s*)\/\/ fail-point: (.+)$/gm,
      (_, indent: string, name: string) => `${indent}globalThis.failPoint(${JSON.stringify(name.trim())});`,
    );
    return { ...loaded, source };
  },
});

/** What the wall clock says, everywhere in the process. Timers and `performance.now` go on as they do when NTP steps. */
function skewClock(file: string): void {
  const now = Date.now.bind(Date);
  let skewMs = 0;
  const read = () => {
    skewMs = Number(readFileSync(file, 'utf8'));
    writeFileSync(`${file}.writing`, String(skewMs));
    renameSync(`${file}.writing`, `${file}.seen`);
  };
  read();
  process.on('SIGUSR2', read);
  globalThis.Date = new Proxy(Date, {
    construct: (target, args: [], newTarget) => Reflect.construct(target, args.length === 0 ? [now() + skewMs] : args, newTarget),
    get: (target, property, receiver) =>
      property === 'now' ? () => now() + skewMs : (Reflect.get(target, property, receiver) as unknown),
  });
}
