/**
 * Produces events to Kafka by the clock, whatever becomes of them, for `../workloads/kafka.ts`. Each event carries the time at which it was
 * to be sent, so what Kafka, or a late producer, takes is in the latency that clients see.
 */
import { writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

import { createClient, Partitioners, type Producer } from '../../src/bridge/kafkajs.ts';
import { createLogger } from '../../src/operations/logger.ts';
import { nowMicros } from '../servers/clock.ts';
import { answer } from './answers.ts';
import { kafkaRecord } from './kafka-record.ts';

export interface Listen {
  readonly brokers: readonly string[];
}

export interface Produce {
  readonly topic: string;
  /** m0 … m{members-1} in turn, so that none gets more than one event more than another. */
  readonly members: number;
  readonly count: number;
  /** Events a second; null: as fast as Kafka acknowledges. */
  readonly rate: number | null;
  /** Where to write, per event, the time it carries and the time at which Kafka had acknowledged it (both µs), a line each. */
  readonly acknowledged?: string;
}

export interface Produced {
  readonly sent: number;
  readonly micros: number;
  /** How late an event was handed to the client library at most, µs; 0 without a rate. */
  readonly lagMicros: number;
  readonly cpuMicros: number;
}

/** Requests on their way at once: kafkajs sends no more to one broker, and one per partition keeps a member's events in order. */
const chunk = 500;
/** How often the clock is looked at, ms: what is due since is one request. */
const everyMs = 2;

const run = process.pid.toString(36) + Date.now().toString(36);
let producer: Producer | undefined;
/** Sequences go on from call to call: by topic, then member. */
const sequences = new Map<string, Uint32Array>();

function nextOf(topic: string, members: number): () => { readonly member: string; readonly sequence: number } {
  const known = sequences.get(topic) ?? new Uint32Array(100_000);
  sequences.set(topic, known);
  let index = 0;
  return () => {
    const at = index++ % members;
    const sequence = (known[at] ?? 0) + 1;
    known[at] = sequence;
    return { member: `m${at}`, sequence };
  };
}

async function produce(connected: Producer, { topic, members, count, rate, acknowledged }: Produce): Promise<Produced> {
  const next = nextOf(topic, members);
  const times: string[] = [];
  const send = async (stamps: readonly number[]) => {
    const messages = stamps.map((timeMicros) => kafkaRecord({ ...next(), timeMicros }, run));
    await connected.send({
      topic,
      acks: -1,
      messages: messages.map((message) => ({ ...message, headers: { ...message.headers } })),
    });
    const now = Math.floor(nowMicros());
    if (acknowledged !== undefined) for (const timeMicros of stamps) times.push(`${Math.floor(timeMicros)} ${now}\n`);
  };

  const cpu = process.cpuUsage();
  const began = nowMicros();
  let lagMicros = 0;
  if (rate === null) {
    for (let sent = 0; sent < count; sent += chunk) {
      await send(Array.from({ length: Math.min(chunk, count - sent) }, nowMicros));
    }
  } else {
    // In order: kafkajs may hand two requests to the broker the other way round, so a member's next event waits for the last.
    let last: Promise<void> = Promise.resolve();
    const failed: unknown[] = [];
    let waiting: number[] = [];
    let sending = false;
    const pump = async () => {
      sending = true;
      while (waiting.length > 0) {
        const stamps = waiting;
        waiting = [];
        await send(stamps);
      }
      sending = false;
    };
    for (let sent = 0; sent < count;) {
      const now = nowMicros();
      for (; sent < count; sent++) {
        const timeMicros = began + (sent / rate) * 1e6;
        if (timeMicros > now) break;
        lagMicros = Math.max(lagMicros, now - timeMicros);
        waiting.push(timeMicros);
      }
      if (!sending && waiting.length > 0) last = pump().catch((error: unknown) => void failed.push(error));
      if (failed.length > 0) throw failed[0];
      await sleep(everyMs);
    }
    await last;
    if (failed.length > 0) throw failed[0];
  }
  const { user, system } = process.cpuUsage(cpu);
  const micros = nowMicros() - began;
  if (acknowledged !== undefined) await writeFile(acknowledged, times.join(''));
  return { sent: count, micros, lagMicros, cpuMicros: user + system };
}

answer({
  async listen({ brokers }: Listen) {
    const client = createClient({ brokers, ssl: null, sasl: null, clientId: 'bench-producer' }, createLogger('error'));
    producer = client.producer({ createPartitioner: Partitioners.DefaultPartitioner, allowAutoTopicCreation: false });
    await producer.connect();
    return {};
  },
  produce(request: Produce) {
    if (producer === undefined) throw new Error('asked to produce before `listen`');
    return produce(producer, request);
  },
  async stop() {
    await producer?.disconnect();
    return {};
  },
});
