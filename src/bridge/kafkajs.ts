import { createRequire } from 'node:module';
import kafkajs, { type ISocketFactory, type Kafka, type KafkaConfig, type LogEntry } from 'kafkajs';

import type { Logger } from '../operations/logger.ts';
import { contained, gzipCodec, lz4Codec, snappyCodec, zstdCodec } from './codecs.ts';
import { askForTopicIds } from './kafkajs-metadata.ts';

/**
 * The only import of kafkajs 2.2.4, which is no longer maintained: its codecs, its logger, and the defects that can be mended from
 * outside. The guards around its consumer are in `consumer.ts`.
 */

export type { Admin, EachBatchPayload, IHeaders, Kafka, Message, Producer } from 'kafkajs';
export const { CompressionTypes, Partitioners } = kafkajs;

const require = createRequire(import.meta.url);

interface RequestQueue {
  readonly pending: readonly unknown[];
  scheduleCheckPendingRequests: (this: RequestQueue) => void;
}
const requestQueue: { prototype: RequestQueue } = require('kafkajs/src/network/requestQueue');
const { scheduleCheckPendingRequests } = requestQueue.prototype;
// After every answer the queue arms a timer for the end of the throttling, which is in the past when nothing throttles: a 1 ms loop per
// connection, and a TimeoutNegativeWarning on Node 24 (kafkajs #1704, #1751). A queue with nothing to send has nothing to schedule.
requestQueue.prototype.scheduleCheckPendingRequests = function scheduleWhenPending() {
  if (this.pending.length > 0) scheduleCheckPendingRequests.call(this);
};

const createSockets: () => ISocketFactory = require('kafkajs/src/network/socketFactory');
const sockets = createSockets();
/**
 * Sockets as kafkajs makes them. It lets go of a connection that has failed once for each request that was waiting for it, and each time Node
 * puts one more listener on the dead socket: a MaxListenersExceededWarning while a broker is away.
 */
export const socketFactory: ISocketFactory = (options) => {
  const socket = sockets(options);
  const unref = socket.unref.bind(socket);
  socket.unref = () => (socket.destroyed ? socket : unref());
  return socket;
};

// Only gzip is built in, without a limit; a batch in any other codec ends the consumer for good.
const codecs = [
  [CompressionTypes.GZIP, gzipCodec],
  [CompressionTypes.Snappy, snappyCodec],
  [CompressionTypes.LZ4, lz4Codec],
  [CompressionTypes.ZSTD, zstdCodec],
] as const;
for (const [type, codec] of codecs) {
  const safe = contained(codec);
  kafkajs.CompressionCodecs[type] = () => safe;
}

askForTopicIds();

export interface ConnectionOptions {
  readonly brokers: readonly string[];
  /** Null: plain text. `ca`: certificates in PEM; null: the system's. */
  readonly ssl: { readonly ca: string | null } | null;
  readonly sasl: SaslOptions | null;
  readonly clientId: string;
}

export interface SaslOptions {
  readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512';
  readonly username: string;
  readonly password: string;
}

/** A client whose every call gives up within about a minute (the caller tries again), and whose log lines are ours. */
export function createClient({ brokers, ssl, sasl, clientId }: ConnectionOptions, logger: Logger): Kafka {
  const config: KafkaConfig = {
    brokers: [...brokers],
    clientId,
    socketFactory,
    ssl: ssl === null ? false : ssl.ca === null ? true : { ca: [ssl.ca] },
    connectionTimeout: 3_000,
    authenticationTimeout: 10_000,
    requestTimeout: 30_000,
    enforceRequestTimeout: true,
    // All five, because kafkajs has other defaults where NODE_ENV is `test`. Few tries: our own loops go on for ever, and say why.
    retry: { initialRetryTime: 100, maxRetryTime: 2_000, factor: 0.2, multiplier: 2, retries: 4 },
    logLevel: kafkajs.logLevel.INFO,
    logCreator: () => (entry) => forward(entry, logger),
  };
  // One object per mechanism is a union in kafkajs' types that a variable mechanism does not fit.
  if (sasl !== null) config.sasl = { ...sasl } as NonNullable<KafkaConfig['sasl']>;
  return new kafkajs.Kafka(config);
}

/**
 * kafkajs calls an error what it is about to retry (every refused connection, "coordinator is loading"); what it gives up on rejects or
 * crashes, and is told once by whoever called. So its errors and warnings are worth `debug`. Fields are picked, because its own hold
 * stacks and whole request objects.
 */
function forward({ namespace, log }: LogEntry, logger: Logger): void {
  const { message, broker, groupId, topic, partition } = log as Record<string, unknown>; // typed `any` by kafkajs
  logger.debug({ from: namespace, broker, groupId, topic, partition }, `kafkajs: ${String(message)}`);
}
