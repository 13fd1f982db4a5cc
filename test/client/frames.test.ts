import fc from 'fast-check';
import { expect, test } from 'vitest';

import { createFrames } from '../../src/client/sse.ts';

const text =
  ':\n\nevent: next\ndata: {"data":{"a":1}}\n\n:\n\nevent: next\ndata: {"data":\ndata: {"a":2}}\n\nevent: complete\ndata:\n\n';
const frames = [
  { event: 'next', data: '{"data":{"a":1}}' },
  { event: 'next', data: '{"data":\n{"a":2}}' },
  { event: 'complete', data: '' },
];

test.each([
  ['line feeds', text],
  ['carriage returns and line feeds', text.replaceAll('\n', '\r\n')],
])('frames come out whole however the network cuts them: %s', (_name, stream) => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: stream.length })), (cuts) => {
      const take = createFrames();
      const places = [...new Set([0, ...cuts, stream.length])].sort((a, b) => a - b);
      const found = places.slice(1).flatMap((end, index) => take(stream.slice(places[index], end)));
      expect(found).toEqual(frames);
    }),
  );
});
