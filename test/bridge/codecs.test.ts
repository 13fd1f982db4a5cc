import { randomBytes } from 'node:crypto';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';

import { gzipCodec, lz4Codec, maxBatchBytes, snappyCodec, zstdCodec } from '../../src/bridge/codecs.ts';

const codecs = { gzip: gzipCodec, lz4: lz4Codec, snappy: snappyCodec, zstd: zstdCodec };
const zeros = Buffer.alloc(maxBatchBytes + 1);

/** A frame of empty-handed LZ4: one block of 4 MiB, over and over. */
async function lz4Bomb(): Promise<Buffer> {
  const block = (await lz4Codec.compress({ buffer: zeros.subarray(0, 4 * 1024 * 1024) })).subarray(7, -4);
  const header = (await lz4Codec.compress({ buffer: Buffer.alloc(4 * 1024 * 1024) })).subarray(0, 7);
  return Buffer.concat([header, ...Array.from({ length: 33 }, () => block), Buffer.alloc(4)]);
}

const snappyClaim = Buffer.from([0xff, 0xff, 0xff, 0xff, 0x07, 0, 0]);
const xerial = (...blocks: Buffer[]) => {
  const sized = blocks.flatMap((block) => {
    const size = Buffer.alloc(4);
    size.writeUInt32BE(block.length);
    return [size, block];
  });
  return Buffer.concat([Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0]), Buffer.alloc(8), ...sized]);
};

describe.each(Object.entries(codecs))('%s', (_, codec) => {
  it.each([0, 1, 70_000, 5_000_000])('gives back what was put in, %i bytes', async (size) => {
    const buffer = Buffer.concat([randomBytes(size / 2), Buffer.alloc(size / 2, 'abc')]);
    expect((await codec.decompress(await codec.compress({ buffer }))).equals(buffer)).toBe(true);
  });
});

it('a batch that claims more than a process can hold is refused, and not believed', async () => {
  await expect(gzipCodec.decompress(gzipSync(zeros))).rejects.toThrow(RangeError);
  await expect(zstdCodec.decompress(zstdCompressSync(zeros))).rejects.toThrow(RangeError);
  await expect(lz4Codec.decompress(await lz4Bomb())).rejects.toThrow(RangeError);
  await expect(snappyCodec.decompress(snappyClaim)).rejects.toThrow(RangeError);
  await expect(snappyCodec.decompress(xerial(snappyClaim, snappyClaim))).rejects.toThrow(RangeError);
});

it('snappy in the frames that Java writes is read', async () => {
  const buffer = Buffer.alloc(100_000, 'lifeline');
  const blocks = await Promise.all([0, 50_000].map((at) => snappyCodec.compress({ buffer: buffer.subarray(at, at + 50_000) })));
  expect((await snappyCodec.decompress(xerial(...blocks.map((block) => Buffer.from(block))))).equals(buffer)).toBe(true);
});
