/**
 * Decodes record batches for `../workloads/decode.ts`: the bytes of a fetch to the events that the bridge hands to the log, by the product's
 * own code (`lifeline`), or to parsed JSON, which is the least that any consumer does (`json`).
 */
import { createRequire } from 'node:module';

import { decode } from '../../src/bridge/decode.ts';
import { Feed } from '../../src/bridge/feed.ts';
import { CompressionTypes, type EachBatchPayload } from '../../src/bridge/kafkajs.ts';
import { nowMicros } from '../servers/clock.ts';
import { answer, timed } from './answers.ts';
import { kafkaRecord } from './kafka-record.ts';

export type Codec = 'plain' | 'gzip';
export type Decoding = 'lifeline' | 'json';

export interface Decode {
  readonly how: Decoding;
  readonly codec: Codec;
  /** In one batch. */
  readonly records: number;
  readonly ms: number;
}

export interface DecodeAnswer {
  readonly decoded: number;
  readonly micros: number;
  readonly cpuMicros: number;
}

interface Encoder {
  readonly buffer: Buffer;
}
interface Message {
  readonly value: Buffer;
}

// What kafkajs' own consumer calls between the socket and `eachBatch`; none of it is exported.
const require = createRequire(new URL('../../package.json', import.meta.url));
const encodeRecord: (record: object) => Encoder = require('kafkajs/src/protocol/recordBatch/record/v0');
const {
  RecordBatch: encodeBatch,
}: { RecordBatch: (batch: object) => Promise<Encoder> } = require('kafkajs/src/protocol/recordBatch/v0');
const Decoder: new (bytes: Buffer) => object = require('kafkajs/src/protocol/decoder');
const decodeMessages: (decoder: object) => Promise<Message[]> = require('kafkajs/src/protocol/requests/fetch/v4/decodeMessages');
const Batch: new (topic: string, offset: string, data: object) => EachBatchPayload['batch'] = require('kafkajs/src/consumer/batch');

const topic = 'bench';
/** So many different events in all, or everything would come out of the caches. */
const variety = 2_048;

/** The part of a fetch response that is one partition's records: its length, and one batch. */
async function encoded(records: number, codec: Codec, first: number): Promise<Buffer> {
  const { buffer } = await encodeBatch({
    compression: codec === 'gzip' ? CompressionTypes.GZIP : CompressionTypes.None,
    lastOffsetDelta: records - 1,
    records: Array.from({ length: records }, (_, offsetDelta) => {
      const stamp = { member: `m${(first + offsetDelta) % 1_000}`, timeMicros: nowMicros(), sequence: first + offsetDelta };
      const { key, value, headers } = kafkaRecord(stamp, 'decode');
      return encodeRecord({ offsetDelta, key, value, headers });
    }),
  });
  const length = Buffer.alloc(4);
  length.writeInt32BE(buffer.length);
  return Buffer.concat([length, buffer]);
}

const made = new Map<string, Promise<Buffer[]>>();

function batchesOf(records: number, codec: Codec): Promise<Buffer[]> {
  const key = `${codec} ${records}`;
  const known =
    made.get(key) ??
    Promise.all(Array.from({ length: Math.ceil(variety / records) }, (_, i) => encoded(records, codec, i * records)));
  made.set(key, known);
  return known;
}

async function parseAll(bytes: Buffer): Promise<number> {
  const messages = await decodeMessages(new Decoder(bytes));
  for (const { value } of messages) JSON.parse(value.toString());
  return messages.length;
}

/** As in the bridge: kafkajs' batch, the feed that its lane pulls from, and the lane's decoding of each record. */
function createLane() {
  const feed = new Feed(topic, 0, { seek() {}, pause() {}, resume() {} });
  let next = 0;
  return {
    async decodeAll(bytes: Buffer): Promise<number> {
      bytes.writeBigInt64BE(BigInt(next), 4); // the batch's first offset
      const reading = feed.read(next, 1_000);
      const messages = await decodeMessages(new Decoder(bytes));
      const batch = new Batch(topic, String(next), {
        partition: 0,
        highWatermark: String(next),
        messages,
        abortedTransactions: [],
      });
      const payload = { batch, isRunning: () => true, isStale: () => false, resolveOffset() {} };
      void feed.offer(payload as unknown as EachBatchPayload); // it uses no more of it than that, and settles with the next read
      const read = await reading;
      if (read === null) throw new Error('the feed handed out nothing');
      for (const record of read.records) {
        const decoded = decode(record, Date.now());
        if (!decoded.ok) throw new Error(`an event of the bench is ${decoded.reason}: ${decoded.detail}`);
      }
      next = read.next;
      return read.records.length;
    },
    end: () => feed.lose(),
  };
}

answer({
  async decode({ how, codec, records, ms }: Decode): Promise<DecodeAnswer> {
    const batches = await batchesOf(records, codec);
    const lane = createLane();
    const { value, micros, cpuMicros } = await timed(async () => {
      let decoded = 0;
      for (const until = performance.now() + ms; performance.now() < until;) {
        for (const bytes of batches) decoded += await (how === 'json' ? parseAll(bytes) : lane.decodeAll(bytes));
      }
      return decoded;
    });
    lane.end();
    return { decoded: value, micros, cpuMicros };
  },
});
