import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

import { eventually } from '../../support/eventually.ts';

export type Command =
  | { readonly do: 'begin'; readonly urls: readonly string[]; readonly from: number; readonly to: number }
  /** All connections end at once, and nobody comes back. */
  | { readonly do: 'leave' }
  | { readonly do: 'return'; readonly urls: readonly string[] }
  | { readonly do: 'report' };

export interface Report {
  /** Devices whose connection is acknowledged. */
  readonly listening: number;
  /** Connections that were acknowledged, ever. */
  readonly opened: number;
  /** Times a device was handed an event whose forerunner it had not seen. */
  readonly gaps: number;
  /** By sequence number: when each device had it, ms since the epoch. */
  readonly reached: Readonly<Record<number, readonly number[]>>;
}

/** Thousands of members with one device each, named `s-0`, `s-1` …, in processes of their own. */
export interface Crowd {
  report(): Promise<Report>;
  leave(): void;
  return(urls: readonly string[]): void;
  /** Waits until every device has its `sequence`-th event, and says when each had it, ms since the epoch, in order. */
  everybodyHas(sequence: number, withinMs: number): Promise<number[]>;
  stop(): Promise<void>;
}

const perProcess = 5_000;
const script = fileURLToPath(new URL('crowd-process.ts', import.meta.url));

export function startCrowd(urls: readonly string[], count: number): Crowd {
  const children: ChildProcess[] = [];
  const tell = (child: ChildProcess, command: Command) => void child.send(command);
  for (let from = 0; from < count; from += perProcess) {
    const child = fork(script);
    tell(child, { do: 'begin', urls, from, to: Math.min(from + perProcess, count) });
    children.push(child);
  }
  const report = async (): Promise<Report> => {
    const answers = children.map(async (child) => {
      const answer = once(child, 'message');
      tell(child, { do: 'report' });
      return ((await answer) as [Report])[0];
    });
    const reports = await Promise.all(answers);
    const sum = (of: (report: Report) => number) => reports.reduce((total, each) => total + of(each), 0);
    const reached: Record<number, number[]> = {};
    for (const each of reports)
      for (const [sequence, times] of Object.entries(each.reached)) (reached[Number(sequence)] ??= []).push(...times);
    return {
      listening: sum(({ listening }) => listening),
      opened: sum(({ opened }) => opened),
      gaps: sum(({ gaps }) => gaps),
      reached,
    };
  };
  return {
    report,
    leave: () => children.forEach((child) => tell(child, { do: 'leave' })),
    return: (next) => children.forEach((child) => tell(child, { do: 'return', urls: next })),
    async everybodyHas(sequence, withinMs) {
      let last: readonly number[] = [];
      const all = async () => {
        last = (await report()).reached[sequence] ?? [];
        await new Promise((resolve) => setTimeout(resolve, 200)); // to ask is work for the crowd
        return last.length === count;
      };
      await eventually(all, { withinMs, what: `everybody with event ${sequence}` }).catch(async (error: unknown) => {
        const { listening, opened } = await report();
        const state = `${listening} of them are listening, after ${opened} connections`;
        throw new Error(`${last.length} of ${count} have event ${sequence}; ${state}`, { cause: error });
      });
      return last.toSorted((a, b) => a - b);
    },
    async stop() {
      const running = children.filter(({ connected }) => connected);
      const ends = running.map((child) => once(child, 'exit'));
      for (const child of running) child.disconnect();
      await Promise.all(ends);
    },
  };
}
