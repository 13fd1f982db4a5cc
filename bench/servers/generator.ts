import { setImmediate as turn } from 'node:timers/promises';

import { nowMicros } from './clock.ts';
import { broadcastMember } from './event.ts';
import { shuffled } from './members.ts';
import type { BenchServer } from './server.ts';

export interface Generate {
  readonly kind: 'unicast' | 'broadcast';
  /** Unicast goes to m0 … m{members-1}, each as often as the others (to within one), in random order. */
  readonly members: number;
  readonly count: number;
  /** Events in one turn of the event loop, at most. */
  readonly perTurn: number;
  /** Events a second by the clock, whatever becomes of them (and the CPU: it spins); as fast as the server takes them when left out. */
  readonly rate?: number;
}

export interface Generated {
  readonly sent: number;
  readonly micros: number;
  /** Of this process. What was published and is not written yet is not in it. */
  readonly cpuMicros: number;
  /** How late an event was sent at most, µs; 0 without a rate. */
  readonly lagMicros: number;
}

/** Publishes from inside a server; sequences go on from call to call. */
export function createGenerator(server: BenchServer): (request: Generate) => Promise<Generated> {
  const sequences = new Map<string, number>();
  const nextSequence = (member: string) => {
    const sequence = (sequences.get(member) ?? 0) + 1;
    sequences.set(member, sequence);
    return sequence;
  };
  let everybody: (() => string) | undefined;
  let everybodys = 0;

  return async ({ kind, members, count, perTurn, rate }) => {
    if (server.publish === undefined) throw new Error('This server only takes events from outside.');
    if (everybody === undefined || everybodys !== members) {
      everybody = shuffled(members);
      everybodys = members;
    }
    const whom = kind === 'broadcast' ? () => broadcastMember : everybody;
    await server.settle?.();

    const cpu = process.cpuUsage();
    const began = nowMicros();
    let lagMicros = 0;
    for (let sent = 0; sent < count;) {
      const now = nowMicros();
      const due = rate === undefined ? count : Math.min(count, Math.floor(((now - began) / 1e6) * rate) + 1);
      for (const until = Math.min(due, sent + perTurn); sent < until; sent++) {
        const timeMicros = rate === undefined ? nowMicros() : began + (sent / rate) * 1e6;
        if (rate !== undefined) lagMicros = Math.max(lagMicros, now - timeMicros);
        const member = whom();
        server.publish({ member, timeMicros, sequence: nextSequence(member) });
      }
      await server.flush?.();
      await turn(); // behind it every microtask of this turn has run
    }
    const { user, system } = process.cpuUsage(cpu);
    return { sent: count, micros: nowMicros() - began, cpuMicros: user + system, lagMicros };
  };
}
