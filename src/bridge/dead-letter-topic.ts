import type { Health } from '../log/log.ts';
import type { DeadLetter, DeadLetters } from './dead-letter.ts';
import { sizeOf } from './decode.ts';
import { CompressionTypes, Partitioners, type IHeaders, type Kafka, type Producer } from './kafkajs.ts';

/** Kafka's default limit for a batch is 1 MiB; a batch may be compressed against it, which only helps what is larger than this. */
const batchBytes = 512 * 1024;
const sendWithinMs = 30_000;

/** Dead letters as records of a topic. `topicHealth` knows whether the topic is there. */
export function createDeadLetterTopic(
  client: Kafka,
  topic: string,
  topicHealth: () => Health,
): DeadLetters & { close(): Promise<void> } {
  let connection: Promise<Producer> | undefined;
  let trouble: string | undefined;

  const connect = async () => {
    const producer = client.producer({
      createPartitioner: Partitioners.DefaultPartitioner,
      allowAutoTopicCreation: false,
      // Where a leader moves between two of its tries, kafkajs 2.2.4 takes what the new leader answered the first time, for other
      // partitions, for the answer to all, and resolves with records that it never sent. Our caller tries again with all of them.
      retry: { retries: 0 },
    });
    await producer.connect();
    return producer;
  };
  const drop = async (dropped: Promise<Producer> | undefined) => {
    if (connection === dropped) connection = undefined;
    const producer = await dropped?.catch(() => undefined);
    await producer?.disconnect().catch(() => undefined);
  };

  const sendBatch = async (letters: readonly DeadLetter[]): Promise<void> => {
    connection ??= connect();
    const used = connection;
    const deadline = Promise.withResolvers<never>();
    const timer = setTimeout(() => deadline.reject(new Error(`no answer within ${sendWithinMs / 1_000} s`)), sendWithinMs);
    const compression = bytesOf(letters) > batchBytes ? CompressionTypes.GZIP : CompressionTypes.None;
    const messages = letters.map(({ key, value, headers }) => ({ key, value, headers: headers as IHeaders })); // only readonly differs
    try {
      await Promise.race([used.then((producer) => producer.send({ topic, messages, acks: -1, compression })), deadline.promise]);
    } catch (error) {
      void drop(used);
      throw error;
    } finally {
      clearTimeout(timer);
    }
  };

  return {
    async send(letters) {
      try {
        for (const batch of inBatches(letters)) await sendBatch(batch);
        trouble = undefined;
      } catch (error) {
        trouble = explain(topic, error);
        throw new Error(trouble, { cause: error });
      }
    },
    health: () => (trouble === undefined ? topicHealth() : { ok: false, reason: trouble }),
    close: () => drop(connection),
  };
}

function explain(topic: string, error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const tooLarge = error instanceof Error && 'type' in error && error.type === 'MESSAGE_TOO_LARGE';
  // It is a record that another topic of the same cluster took, plus a few headers.
  return tooLarge
    ? `dead-letter topic ${topic} refuses a record as too large: raise its max.message.bytes`
    : `dead-letter topic ${topic} does not take records: ${message}`;
}

function bytesOf(letters: readonly DeadLetter[]): number {
  return letters.reduce((sum, letter) => sum + sizeOf(letter), 0);
}

function inBatches(letters: readonly DeadLetter[]): DeadLetter[][] {
  const batches: DeadLetter[][] = [];
  let room = 0;
  for (const letter of letters) {
    const size = sizeOf(letter);
    if (size > room) {
      batches.push([]);
      room = batchBytes;
    }
    batches.at(-1)?.push(letter);
    room -= size;
  }
  return batches;
}
