/** The limit: a server in C that sends ready-made messages (`../native/raw.c`). This process only passes on what the runner says. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';

import { nativeProgram } from '../native/build.ts';
import { broadcastMember, eventJson } from './event.ts';
import type { Generated } from './generator.ts';
import { serve, type Stats } from './server.ts';

/** As graphql-ws sends it; the server fills in the id, the time and the sequence. */
const message = `{"id":"%ID%","type":"next","payload":{"data":{"coverageUpdates":${eventJson({ member: broadcastMember, timeMicros: 0, sequence: 0 })}}}}`;

type Raw = ChildProcessByStdio<Writable, Readable, null>;
let raw: Raw | undefined;
let lines: AsyncIterator<string> | undefined;

/** One line back from it. @throws Error when it ended, or did not understand the question */
async function answer<Answer extends object>(): Promise<Answer> {
  const line = await lines?.next();
  if (line === undefined || line.done === true) throw new Error('The raw server is not there.');
  const parsed = JSON.parse(line.value) as Answer | { error: string }; // raw.c says which question has which answer
  if ('error' in parsed) throw new Error(`The raw server says: ${parsed.error}`);
  return parsed;
}

function ask<Answer extends object>(question: string): Promise<Answer> {
  raw?.stdin.write(`${question}\n`);
  return answer();
}

const stats = () => ask<Stats & { subscriptions: number }>('stats');

serve({
  async listen() {
    const child = spawn(await nativeProgram('raw'), [message], { stdio: ['pipe', 'pipe', 'inherit'] });
    raw = child;
    child.stdin.on('error', () => undefined); // it ended: the question that waits says so
    lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const { port } = await answer<{ port: number }>();
    return { port, path: '/', subprotocol: 'graphql-transport-ws', ...(child.pid === undefined ? {} : { pid: child.pid }) };
  },
  stats,
  subscriptions: async () => (await stats()).subscriptions,
  generate: ({ kind, members, count, perTurn, rate = 0 }) =>
    ask<Generated>(`generate ${kind} ${members} ${count} ${perTurn} ${Math.round(rate)}`),
  async close() {
    if (raw === undefined || raw.exitCode !== null || raw.signalCode !== null) return;
    const gone = once(raw, 'exit');
    raw.stdin.end('stop\n');
    await gone;
  },
});
