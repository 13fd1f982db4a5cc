import type { TestProject } from 'vitest/node';

import { startKafka } from './kafka.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Of the broker that all test files share: `kafkaTools(inject('kafkaBrokers'))`, topics and groups with unique names. */
    kafkaBrokers: string[];
  }
}

/** One broker for the whole run, or the one behind KAFKA_BROKERS. */
export default async function setup({ provide }: TestProject): Promise<() => Promise<void>> {
  const given = process.env['KAFKA_BROKERS'];
  if (given !== undefined && given !== '') {
    provide('kafkaBrokers', given.split(','));
    return async () => undefined;
  }
  const kafka = await startKafka();
  provide('kafkaBrokers', kafka.brokers);
  return () => kafka.stop();
}
