/**
 * The open-loop publisher, a process of its own: event k is due at start + k / rate whatever became of the ones before, and carries that time, so
 * that a latency holds all the waiting there was. Into Redis channels for the peers, into the product's log for Lifeline.
 */
import { setImmediate as turn } from 'node:timers/promises';

import { entryOf, type ServerName } from '../servers/catalogue.ts';
import { nowMicros } from '../servers/clock.ts';
import type { Stamp } from '../servers/event.ts';
import { shuffled } from '../servers/members.ts';
import { answer } from './answers.ts';
import { channelSink, logSink, type Sink } from './sinks.ts';

export interface Open {
  readonly server: ServerName;
  readonly redisUrl: string;
  readonly hashTags?: number;
}

export interface Send {
  /** m0 … m{members-1} in random order, each as often as the next to within one; or one name. */
  readonly members: number | string;
  readonly count: number;
  /** Events a second; as fast as Redis takes them when left out. */
  readonly rate?: number;
}

export interface Sent {
  readonly sent: number;
  /** how late the publisher itself was at most, µs */
  readonly lagMicros: number;
  readonly micros: number;
  readonly cpuMicros: number;
}

/** What is on its way to Redis at most when there is no rate. */
const batch = 256;
const batchesAtOnce = 8;
/** How long the publisher sleeps when nothing is due, ms: timers cannot do less than 1. */
const napMs = 0.2;

let sink: Sink | undefined;
const sequences = new Map<string, number>();
const napping = new Int32Array(new SharedArrayBuffer(4));

const opened = () => {
  if (sink === undefined) throw new Error('The publisher was not opened.');
  return sink;
};

function stamps(members: number | string, micros: (index: number) => number): (from: number, to: number) => Stamp[] {
  const whom = typeof members === 'string' ? () => members : shuffled(members);
  return (from, to) =>
    Array.from({ length: to - from }, (_, index) => {
      const member = whom();
      const sequence = (sequences.get(member) ?? 0) + 1;
      sequences.set(member, sequence);
      return { member, sequence, timeMicros: micros(from + index) };
    });
}

async function sendAtRate({ members, count, rate }: Required<Send>): Promise<number> {
  const out = opened();
  const began = nowMicros();
  const make = stamps(members, (index) => began + (index / rate) * 1e6);
  const pending: Promise<void>[] = [];
  let lag = 0;
  for (let sent = 0; sent < count;) {
    const now = nowMicros();
    const due = Math.min(count, Math.floor(((now - began) / 1e6) * rate) + 1);
    if (due > sent) {
      lag = Math.max(lag, now - (began + (sent / rate) * 1e6));
      pending.push(out.send(make(sent, due)));
      sent = due;
    } else Atomics.wait(napping, 0, 0, napMs);
    await turn(); // replies are read and writes leave here
  }
  await Promise.all(pending);
  return lag;
}

async function sendAll({ members, count }: Send): Promise<number> {
  const out = opened();
  const make = stamps(members, nowMicros);
  const pending = new Set<Promise<void>>();
  for (let sent = 0; sent < count;) {
    const until = Math.min(count, sent + batch);
    const sending = out.send(make(sent, until)).finally(() => pending.delete(sending));
    pending.add(sending);
    sent = until;
    if (pending.size >= batchesAtOnce) await Promise.race(pending);
  }
  await Promise.all(pending);
  return 0;
}

answer({
  async open({ server, redisUrl, hashTags }: Open) {
    const { source } = entryOf(server);
    if (source === 'inside' || source === 'api') throw new Error(`${server} takes no events from Redis.`);
    sink = source === 'redis-log' ? await logSink(redisUrl, hashTags) : channelSink(source, redisUrl);
    return {};
  },
  async send(request: Send): Promise<Sent> {
    const cpu = process.cpuUsage();
    const began = nowMicros();
    const { rate } = request;
    const lagMicros = rate === undefined ? await sendAll(request) : await sendAtRate({ ...request, rate });
    const { user, system } = process.cpuUsage(cpu);
    return { sent: request.count, lagMicros, micros: nowMicros() - began, cpuMicros: user + system };
  },
  /** Closes in the log what no client acknowledged. */
  async settle() {
    await opened().settle();
    return {};
  },
});
