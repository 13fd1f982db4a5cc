import { createHmac, timingSafeEqual } from 'node:crypto';

import { LifelineError } from '../errors.ts';
import { Latest } from '../latest.ts';
import type { Position } from '../log/log.ts';

/** Positions as clients hold them: opaque, signed, of use to one member only. */
export interface Cursors {
  encode(member: string, position: Position): string;
  /** @throws LifelineError BAD_USER_INPUT for anything but a cursor that `encode` made for this member under this secret */
  decode(member: string, cursor: string): Position;
}

const version = 1;
const macBytes = 16; // 128 bits: beyond guessing, and half the length on the wire
const longest = 512; // about four times what `encode` makes: no work for anything longer

/** @param secret shared by all gateways, so that a client may resume on any of them */
export function createCursors(secret: string): Cursors {
  const macOf = (member: string, body: Buffer) =>
    createHmac('sha256', secret)
      .update(JSON.stringify(['cursor', version, member])) // JSON, so that no member's name can reach into the body
      .update(body)
      .digest()
      .subarray(0, macBytes);

  const sign = (member: string, { epoch, generation, sequence, chain }: Position) => {
    const body = Buffer.from(JSON.stringify([epoch, generation, sequence, chain]));
    return Buffer.concat([Buffer.of(version), macOf(member, body), body]).toString('base64url');
  };
  const signed = new Latest<Position, { readonly member: string; readonly cursor: string }>();

  return {
    encode(member, position) {
      const known = signed.get(position);
      if (known?.member === member) return known.cursor;
      const cursor = sign(member, position);
      signed.set(position, { member, cursor });
      return cursor;
    },
    decode(member, cursor) {
      const bytes = Buffer.from(cursor.length <= longest ? cursor : '', 'base64url');
      const body = bytes.subarray(1 + macBytes);
      const mac = bytes.subarray(1, 1 + macBytes);
      // Buffer skips what is not base64url: comparing the way back keeps one cursor from having many spellings.
      const wellFormed = bytes[0] === version && body.length > 0 && bytes.toString('base64url') === cursor;
      if (!wellFormed || !timingSafeEqual(mac, macOf(member, body))) {
        throw new LifelineError(
          'BAD_USER_INPUT',
          'This is not a cursor that was issued to this member. Leave `after` out to start over.',
        );
      }
      // The signature proves that `encode` wrote it, so its shape is known.
      const [epoch, generation, sequence, chain] = JSON.parse(body.toString()) as [string, number, number, string];
      return { epoch, generation, sequence, chain };
    },
  };
}
