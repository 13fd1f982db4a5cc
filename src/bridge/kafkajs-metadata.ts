import { createRequire } from 'node:module';

/**
 * Teaches kafkajs 2.2.4 version 10 of Kafka's Metadata request (its own newest is 6), the first that tells topics by id: a topic that was
 * deleted and created again has its old name and another id. Everything else in the answer is what kafkajs knows from version 6; the id
 * comes along in each partition, which is all that `admin.fetchTopicMetadata` hands through.
 */

interface Encoder {
  readonly writeBuffer: (bytes: Buffer) => Encoder;
}
interface Response {
  readonly decode: (bytes: Buffer) => Promise<unknown>;
  readonly parse: (decoded: unknown) => Promise<unknown>;
}
interface Asked {
  readonly topics: readonly string[];
  readonly allowAutoTopicCreation?: boolean;
}
interface Definition {
  versions: string[];
  protocol: (chosen: { readonly version: number }) => (asked: Asked) => { readonly request: object; readonly response: Response };
}

const require = createRequire(import.meta.url);
const NewEncoder: new () => Encoder = require('kafkajs/src/protocol/encoder');
const { parse }: Response = require('kafkajs/src/protocol/requests/metadata/v6/response');
const metadata: Definition = require('kafkajs/src/protocol/requests/metadata');

const apiKey = 3;
const withIds = 10;
const newestOfItsOwn = 6;

export function askForTopicIds(): void {
  const { protocol } = metadata;
  metadata.versions = [...metadata.versions, String(withIds)];
  metadata.protocol = ({ version }) => {
    // kafkajs takes the smaller of its newest and the broker's newest for granted.
    if (version < withIds) return protocol({ version: Math.min(version, newestOfItsOwn) });
    return (asked) => ({
      request: {
        apiKey,
        apiVersion: withIds,
        apiName: 'Metadata',
        encode: async () => new NewEncoder().writeBuffer(encodeRequest(asked)),
      },
      response: { decode: async (bytes) => decodeResponse(bytes), parse },
    });
  };
}

/** Of a partition as `admin.fetchTopicMetadata` gives it: its topic's id; null where the broker is too old to tell. */
export function topicIdOf(partition: object | undefined): string | null {
  return partition !== undefined && 'topicId' in partition && typeof partition.topicId === 'string' ? partition.topicId : null;
}

const noTags = Buffer.from([0]);

/** From here on requests have a tag buffer at the end of their header, and so have answers; kafkajs writes and reads headers without. */
function encodeRequest({ topics, allowAutoTopicCreation = true }: Asked): Buffer {
  const named = topics.map((topic) => {
    const name = Buffer.from(topic);
    return Buffer.concat([Buffer.alloc(16), unsigned(name.length + 1), name, noTags]);
  });
  // To kafkajs no topics are all topics, which is a null array here.
  const count = unsigned(topics.length === 0 ? 0 : topics.length + 1);
  return Buffer.concat([noTags, count, ...named, Buffer.from([allowAutoTopicCreation ? 1 : 0, 0, 0]), noTags]);
}

function unsigned(value: number): Buffer {
  const bytes: number[] = [];
  for (; value > 0x7f; value >>>= 7) bytes.push((value & 0x7f) | 0x80);
  return Buffer.from([...bytes, value]);
}

function decodeResponse(bytes: Buffer): object {
  let at = 0;
  const take = (length: number) => {
    if (at + length > bytes.length) throw new RangeError('A Metadata answer of Kafka ends too early.');
    at += length;
    return bytes.subarray(at - length, at);
  };
  const int16 = () => take(2).readInt16BE();
  const int32 = () => take(4).readInt32BE();
  const varint = () => {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = take(1).readUInt8();
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
    throw new RangeError('A Metadata answer of Kafka has a number that does not end.');
  };
  const text = () => {
    const length = varint();
    return length === 0 ? null : take(length - 1).toString();
  };
  const list = <T>(item: () => T) => Array.from({ length: Math.max(0, varint() - 1) }, item);
  const tags = () => {
    for (let left = varint(); left > 0; left--) {
      varint();
      take(varint());
    }
  };
  const tagged = <T>(value: T): T => {
    tags();
    return value;
  };

  tags();
  const clientSideThrottleTime = int32();
  const brokers = list(() => tagged({ nodeId: int32(), host: text(), port: int32(), rack: text() }));
  const clusterId = text();
  const controllerId = int32();
  const topicMetadata = list(() => {
    const topicErrorCode = int16();
    const topic = text();
    const id = take(16).toString('base64url');
    const isInternal = take(1).readInt8() === 1;
    const partitionMetadata = list(() =>
      tagged({
        topicId: id === noId ? null : id,
        partitionErrorCode: int16(),
        partitionId: int32(),
        leader: int32(),
        leaderEpoch: int32(),
        replicas: list(int32),
        isr: list(int32),
        offlineReplicas: list(int32),
      }),
    );
    take(4); // authorised operations, not asked for
    return tagged({ topicErrorCode, topic, isInternal, partitionMetadata });
  });
  return { throttleTime: 0, clientSideThrottleTime, brokers, clusterId, controllerId, topicMetadata };
}

/** Brokers whose metadata has no ids yet answer this. */
const noId = Buffer.alloc(16).toString('base64url');
