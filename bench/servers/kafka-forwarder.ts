/**
 * The bare forwarder between Kafka and Redis: what stands in a record is published on its member's channel as it is, for `ws-redis` to send.
 * kafkajs reads as the product has it read, which is faster than its defaults: those commit after every batch, whatever the interval that
 * they are given, and the next fetch waits behind that.
 */
import { Redis } from 'ioredis';

import { createClient } from '../../src/bridge/kafkajs.ts';
import { createLogger } from '../../src/operations/logger.ts';
import { redisChannel } from './event.ts';
import { serve } from './server.ts';

const brokers = (process.env['KAFKA_BROKERS'] ?? '').split(',');
const topic = process.env['KAFKA_TOPICS'] ?? '';

const consumer = createClient({ brokers, ssl: null, sasl: null, clientId: 'bench-forwarder' }, createLogger('error')).consumer({
  groupId: 'bench-forwarder',
  allowAutoTopicCreation: false,
  maxWaitTimeInMs: 500,
});
const commitEveryMs = 2_000;
let redis: Redis | undefined;
/** The next offset, by partition. */
const reached = new Map<number, string>();
const committer = setInterval(() => {
  const offsets = [...reached].map(([partition, offset]) => ({ topic, partition, offset }));
  reached.clear();
  if (offsets.length > 0) void consumer.commitOffsets(offsets).catch(() => undefined); // nobody reads them here
}, commitEveryMs);

serve({
  async listen({ redisUrl }) {
    if (redisUrl === undefined) throw new Error('kafka-forwarder needs a Redis.');
    const publisher = new Redis(redisUrl);
    redis = publisher;
    await consumer.connect();
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    const { promise: joined, resolve } = Promise.withResolvers<void>();
    consumer.on(consumer.events.GROUP_JOIN, () => resolve());
    await consumer.run({
      partitionsConsumedConcurrently: 8,
      autoCommit: false,
      eachBatch: async ({ batch }) => {
        reached.set(batch.partition, String(BigInt(batch.lastOffset()) + 1n));
        const pipeline = publisher.pipeline();
        for (const { key, value } of batch.messages)
          if (key !== null && value !== null) pipeline.publish(redisChannel(key.toString()), value.toString());
        await pipeline.exec();
      },
    });
    await joined;
    // Nobody connects to it: the sockets are those of `ws-redis`.
    return { port: 0, path: '/', subprotocol: '' };
  },
  subscriptions: () => 0,
  async close() {
    clearInterval(committer);
    await consumer.disconnect();
    redis?.disconnect();
  },
});
