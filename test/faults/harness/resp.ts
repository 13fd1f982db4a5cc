/**
 * Passes a stream of RESP3 frames, except top-level push messages (`>`) that `drop` chooses. A frame may come in any number of chunks, and so
 * it goes on only when it is whole.
 */
export function createFrameFilter(drop: () => boolean): (chunk: Buffer) => Buffer {
  let pending: Buffer = Buffer.alloc(0);
  return (chunk) => {
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
    const passed: Buffer[] = [];
    for (;;) {
      const end = frameEnd(pending, 0);
      if (end === null) break;
      const frame = pending.subarray(0, end);
      // Confirmations of (un)subscribe are pushes too; without them the client would wait for ever, which is another fault.
      const message = frame[0] === push && /^>\d+\r\n\$\d+\r\ns?message\r\n/.test(frame.subarray(0, 40).toString('latin1'));
      if (!message || !drop()) passed.push(frame);
      pending = pending.subarray(end);
    }
    return Buffer.concat(passed);
  };
}

const push = '>'.charCodeAt(0);
const newline = Buffer.from('\r\n');

/** Where the frame that starts at `start` ends; null while it is not whole. RESP3: one type byte, a line, and for some what the line counts. */
function frameEnd(bytes: Buffer, start: number): number | null {
  const line = bytes.indexOf(newline, start);
  if (line < 0) return null;
  const next = line + newline.length;
  const type = String.fromCharCode(bytes[start] ?? 0);
  const count = Number(bytes.toString('latin1', start + 1, line));
  if (type === '$' || type === '=' || type === '!') {
    if (count < 0) return next;
    const end = next + count + newline.length;
    return end <= bytes.length ? end : null;
  }
  if (!'*~>%|'.includes(type)) return next;
  let end: number | null = next;
  // An attribute is followed by the value it belongs to; Redis 7 sends none.
  for (let child = 0; child < count * (type === '%' || type === '|' ? 2 : 1) && end !== null; child++) end = frameEnd(bytes, end);
  return end;
}
