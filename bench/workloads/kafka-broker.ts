/** A real broker and a producer, both away from the core of what serves. */
import { readFile } from 'node:fs/promises';

import { startKafka, type TestKafka } from '../../test/support/kafka.ts';
import type { Listen, Produce } from '../load/producer.ts';
import { pin } from '../runner/children.ts';
import { conversation } from '../runner/conversation.ts';
import { familyOf } from '../runner/role-process.ts';
import type { Context } from './workload.ts';

export type { Produce } from '../load/producer.ts';

/** @returns how late an event was handed over at most, µs */
export type Producing = (request: Produce) => Promise<{ readonly lagMicros: number }>;

const produceMs = 120_000;

export async function startBroker(context: Context): Promise<TestKafka> {
  const kafka = await startKafka();
  context.defer(() => kafka.stop());
  for (const pid of await familyOf(process.pid)) {
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => ''); // it ended meanwhile
    if (command.includes('kafka.Kafka')) pin(pid, 1);
  }
  return kafka;
}

export async function startProducer(context: Context, brokers: readonly string[]): Promise<Producing> {
  const producer = conversation('producer', context.startNode(['bench/load/producer.ts'], { core: 1 }));
  await producer.ask('listen', { brokers } satisfies Listen, 30_000);
  return async (request) => {
    const answer = await producer.ask('produce', request, produceMs);
    return { lagMicros: Number(answer['lagMicros']) };
  };
}
