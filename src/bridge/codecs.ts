import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { gzip, unzip, zstdCompress, zstdDecompress } from 'node:zlib';

/** What kafkajs wants of a codec; its built-in ones are objects, added ones functions that return them. */
export interface Codec {
  compress(encoder: { readonly buffer: Buffer }): Promise<Buffer>;
  decompress(data: Buffer): Promise<Buffer>;
}

/**
 * What one batch may hold once decompressed. A mebibyte of zeros can claim gigabytes, and the process that believes it dies, as does the
 * next one that is given the partition; honest batches of that size hold some tens of mebibytes.
 */
export const maxBatchBytes = 128 * 1024 * 1024;

/** A batch that could not be read is not tried again before this, and not asked for in a busy loop meanwhile. */
const againAfterMs = 30_000;
const pauseMs = 200;
const remembered = 16;

/** kafkajs knows it by its name: a record batch that the end of the fetch cut off. It hands out what stands before it, and asks again. */
class UnreadableBatch extends Error {
  override readonly name = 'KafkaJSPartialMessageError';
}

let lastRefusal: { readonly reason: string; readonly at: number } | undefined;

/** Why a batch could not be decompressed lately; kafkajs does not tell codecs whose batch it was. */
export function recentRefusal(now = Date.now()): string | undefined {
  return lastRefusal !== undefined && now - lastRefusal.at < 2 * againAfterMs ? lastRefusal.reason : undefined;
}

/**
 * A codec whose failure holds up one partition: kafkajs would end the whole consumer instead, and every next one that is given the partition,
 * so that nothing of any partition would be read any more.
 */
export function contained(codec: Codec): Codec {
  const refused = new Map<string, { readonly reason: string; readonly at: number }>();
  return {
    compress: (encoder) => codec.compress(encoder),
    async decompress(data) {
      const before = refused.size === 0 ? undefined : refused.get(fingerprint(data));
      if (before !== undefined && Date.now() - before.at < againAfterMs) {
        await sleep(pauseMs);
        throw new UnreadableBatch(before.reason);
      }
      try {
        return await codec.decompress(data);
      } catch (error) {
        const reason = `a batch cannot be decompressed: ${error instanceof Error ? error.message : String(error)}`;
        lastRefusal = { reason, at: Date.now() };
        refused.set(fingerprint(data), lastRefusal);
        const [oldest] = refused.keys();
        if (refused.size > remembered && oldest !== undefined) refused.delete(oldest);
        throw new UnreadableBatch(reason);
      }
    },
  };
}

function fingerprint(data: Buffer): string {
  return createHash('sha1').update(data).digest('base64');
}

const require = createRequire(import.meta.url);

interface Lz4 {
  compress(data: Uint8Array): Uint8Array;
  decompressBound(data: Uint8Array): number;
  decompress(data: Uint8Array, maxSize: number): Uint8Array;
}
const lz4Frames: Lz4 = require('lz4js');
const xxh32: { hash(seed: number, data: Uint8Array, start: number, length: number): number } = require('lz4js/xxh32.js');
const snappyBlocks: () => Codec = require('kafkajs-snappy');

export const gzipCodec: Codec = {
  compress: ({ buffer }) => promisify(gzip)(buffer),
  decompress: (data) => promisify(unzip)(data, { maxOutputLength: maxBatchBytes }),
};

export const zstdCodec: Codec = {
  compress: ({ buffer }) => promisify(zstdCompress)(buffer),
  decompress: (data) => promisify(zstdDecompress)(data, { maxOutputLength: maxBatchBytes }),
};

/** lz4js shares one block buffer, which is safe because both of its calls are synchronous. */
export const lz4Codec: Codec = {
  compress: async ({ buffer }) => independentBlocks(Buffer.from(lz4Frames.compress(buffer))),
  async decompress(data) {
    // It writes past the end of what it was given without a word, and so fills it.
    const found = lz4Frames.decompress(data, Math.min(lz4Frames.decompressBound(data), maxBatchBytes + 1));
    if (found.length > maxBatchBytes) throw tooLarge();
    return Buffer.from(found.buffer, found.byteOffset, found.byteLength);
  },
};

export const snappyCodec: Codec = {
  compress: (encoder) => snappyBlocks().compress(encoder),
  async decompress(data) {
    if (claimedBySnappy(data) > maxBatchBytes) throw tooLarge();
    return snappyBlocks().decompress(data);
  },
};

function tooLarge(): Error {
  return new RangeError(`A batch holds more than ${maxBatchBytes} bytes once decompressed.`);
}

/** Java's reader refuses frames that do not promise independent blocks. Up to 4 MiB there is one block, so the promise holds. */
function independentBlocks(frame: Buffer): Buffer {
  const flags = 4;
  const headerChecksum = 6;
  frame.writeUInt8(frame.readUInt8(flags) | 0x20, flags);
  frame.writeUInt8((xxh32.hash(0, frame, flags, headerChecksum - flags) >>> 8) & 0xff, headerChecksum);
  return frame;
}

const xerialMagic = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0]);
const xerialHeaderBytes = 16;

/** The length that the data says it has decompressed: memory is taken for it before a byte is looked at. */
function claimedBySnappy(data: Buffer): number {
  if (!data.subarray(0, xerialMagic.length).equals(xerialMagic)) return varint(data);
  let claimed = 0;
  for (let at = xerialHeaderBytes; at + 4 <= data.length;) {
    const size = data.readUInt32BE(at);
    claimed += varint(data.subarray(at + 4, at + 4 + size));
    at += 4 + size;
  }
  return claimed;
}

function varint(data: Buffer): number {
  let value = 0;
  for (const [index, byte] of data.subarray(0, 5).entries()) {
    value += (byte & 0x7f) * 2 ** (7 * index);
    if (byte < 0x80) break;
  }
  return value;
}
