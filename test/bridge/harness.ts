import { createBridge, type Bridge } from '../../src/bridge/bridge.ts';
import { createKafka } from '../../src/bridge/kafka.ts';
import type { ConnectionOptions } from '../../src/bridge/kafkajs.ts';
import type { DeadLetters } from '../../src/bridge/dead-letter.ts';
import type { Entry, EventLog } from '../../src/log/log.ts';
import type { Logger } from '../../src/operations/logger.ts';
import { createMetrics, type Metrics } from '../../src/operations/metrics.ts';

let made = 0;

/** A name nobody else uses, also when several runs share a broker. */
export function unique(prefix: string): string {
  return `${prefix}-${process.pid}-${Date.now().toString(36)}-${made++}`;
}

export interface LogLine {
  readonly level: 'info' | 'warn' | 'error';
  readonly message: string;
}

export interface TestBridge {
  readonly bridge: Bridge;
  readonly metrics: Metrics;
  readonly deadLetters: DeadLetters;
  readonly lines: LogLine[];
  count(
    metric: 'appends' | 'gaps' | 'deadLetters' | 'partitionRestarts' | 'recordsMissed' | 'consumerRebuilds',
    label?: string,
  ): Promise<number>;
  stop(): Promise<void>;
}

export interface TestBridgeOptions {
  readonly brokers: string[];
  readonly log: EventLog;
  readonly topics: readonly string[];
  readonly deadLetterTopic: string;
  readonly groupId?: string;
  readonly createTopics?: boolean;
  /** Plain text without a user when left out. */
  readonly security?: Pick<ConnectionOptions, 'ssl' | 'sasl'>;
  /** Replaces the dead-letter topic. */
  readonly deadLetters?: DeadLetters;
}

/** A started bridge with everything of the product but the process around it. */
export function startTestBridge(options: TestBridgeOptions): TestBridge {
  const {
    brokers,
    log,
    topics,
    deadLetterTopic,
    groupId = unique('group'),
    createTopics = false,
    security = { ssl: null, sasl: null },
  } = options;
  const metrics = createMetrics();
  const lines: LogLine[] = [];
  const keep = (level: LogLine['level']) => (fields: object, message: string) =>
    void lines.push({ level, message: `${message} ${JSON.stringify(fields)}` });
  const logger: Logger = {
    debug: () => undefined,
    info: keep('info'),
    warn: keep('warn'),
    error: keep('error'),
    child: () => logger,
  };
  const connection = { brokers, ...security, clientId: 'test-bridge' };
  const kafka = createKafka({ ...connection, groupId, topics, deadLetterTopic, createTopics, logger, metrics });
  const deadLetters = options.deadLetters ?? kafka.deadLetters;
  const bridge = createBridge({ records: kafka.records, log, deadLetters, logger, metrics });
  bridge.start();
  let stopped: Promise<void> | undefined;
  const stop = async () => {
    await bridge.stop();
    await kafka.close();
  };
  return {
    bridge,
    metrics,
    deadLetters,
    lines,
    count: async (metric, label) => {
      const { values } = await metrics[metric].get();
      return values
        .filter(({ labels }) => label === undefined || Object.values(labels).includes(label))
        .reduce((sum, { value }) => sum + value, 0);
    },
    stop: () => (stopped ??= stop()),
  };
}

/** All entries of the member, oldest first. */
export async function entriesOf(log: EventLog, member: string): Promise<Entry[]> {
  const entries: Entry[] = [];
  for (let from = 0, done = false; !done;) {
    const page = await log.read(member, { after: null, from, limit: 1_000 });
    entries.push(...page.entries);
    ({ scannedTo: from, done } = page);
  }
  return entries;
}

/** What the producers called the member's events, in the order of the log. */
export async function idsOf(log: EventLog, member: string): Promise<string[]> {
  return (await entriesOf(log, member)).map(({ event }) => event.attributes.id);
}
