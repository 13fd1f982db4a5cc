import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

import { endsWithUs } from '../support/ends-with-us.ts';
import { eventually } from '../support/eventually.ts';

/** One thing that the program tells; which fields there are depends on `what`. */
export interface Line {
  readonly what: 'event' | 'repeat' | 'pushing' | 'polled' | 'retry' | 'stopped' | 'failed' | 'acknowledged' | 'refreshed';
  readonly stream: string;
  readonly id?: string;
  readonly sequence?: number | null;
  readonly via?: 'push' | 'poll';
  readonly is?: boolean;
  readonly reason?: string;
  readonly next?: string;
  readonly nextMs?: number;
  readonly afterMs?: number;
}

export interface KotlinProgram {
  readonly lines: readonly Line[];
  of(what: Line['what'], stream?: string): Line[];
  /** Waits until `condition` holds, or throws with what the program told so far. */
  until(what: string, condition: () => boolean, withinMs?: number): Promise<void>;
  /** Whether the stream's last word was that it is pushed. */
  pushing(stream: string): boolean;
  /** Tells it that the network is back, as the system does on a phone. */
  wake(): void;
  /** SIGKILL, as a phone ends an app. */
  kill(): Promise<void>;
}

/** Starts the program with `--name value` for each option. */
export function startKotlin(classPath: string, options: Readonly<Record<string, string>>): KotlinProgram {
  const memory = ['-Xmx128m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];
  const given = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]);
  const args = [...memory, '-cp', classPath, 'lifeline.MainKt', ...given];
  const child = endsWithUs(spawn('java', args, { stdio: ['pipe', 'pipe', 'pipe'] }));
  const lines: Line[] = [];
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr = (stderr + text).slice(-4_000)));
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(JSON.parse(line) as Line));
  return {
    lines,
    of: (what, stream) => lines.filter((line) => line.what === what && (stream === undefined || line.stream === stream)),
    pushing: (stream) => lines.findLast((line) => line.what === 'pushing' && line.stream === stream)?.is === true,
    until: async (what, condition, withinMs = 30_000) => {
      await eventually(
        () => {
          if (child.exitCode !== null || child.signalCode !== null) throw new Error(`the program ended with ${child.exitCode}`);
          return condition();
        },
        { what, withinMs },
      ).catch((error: unknown) => {
        const told = lines.map((line) => JSON.stringify(line)).join('\n');
        throw new Error(`${String(error)}\n${told}\n${stderr}`, { cause: error });
      });
    },
    wake: () => void child.stdin.write('\n'),
    async kill() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGKILL');
      await once(child, 'close');
    },
  };
}
