import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { connections } from './protocol/behaviour.ts';
import { converse } from './protocol/conversation.ts';
import { deliberate, hearing } from './protocol/deliberate.ts';
import { openPeer } from './protocol/peer.ts';
import { startSides, type Sides } from './protocol/sides.ts';

beforeEach(() => {
  vi.spyOn(console, 'error').mockImplementation(() => {}); // where the stock server tells about mistakes of its clients
});

let sides: Sides;
afterEach(async () => {
  vi.restoreAllMocks();
  await sides.stop();
});

test('whatever a client does, it hears from the product what the stock graphql-ws server says', async () => {
  sides = await startSides();
  const counts = new Map<string, number>();
  const count = (what: string) => void counts.set(what, (counts.get(what) ?? 0) + 1);
  await fc.assert(
    fc.asyncProperty(fc.array(connections, { minLength: 1, maxLength: 3 }), (all) => converse(sides, all, count)),
    { numRuns: 150 },
  );
  // Conversations worth the name: about half of what they mostly are.
  for (const [what, least] of Object.entries({ event: 100, next: 200, complete: 200, error: 15, pong: 30 })) {
    expect(counts.get(what) ?? 0, what).toBeGreaterThan(least);
  }
  for (const code of ['4400', '4401', '4403', '4409']) expect(counts.get(code) ?? 0, code).toBeGreaterThan(0);
});

describe('deliberate differences', () => {
  test.each(deliberate.map((each) => [each.what, each] as const))('%s', async (_what, { sends, stock, ours }) => {
    sides = await startSides({ answerSyntaxErrors: false });
    const hears = async (url: string) => {
      const peer = await openPeer(url, ['graphql-transport-ws'], {});
      const say = (text: string) => peer.write(text.split('\n').map((data) => ({ data, binary: false, parts: 1 })));
      say(JSON.stringify({ type: 'connection_init', payload: { token: 'm-1' } }));
      await peer.quiet();
      for (const each of sends) {
        say(typeof each === 'string' ? each : JSON.stringify(each));
        await peer.quiet();
      }
      const heard = [...peer.heard.slice(1).map(hearing), ...(peer.closed === null ? [] : [`closed ${peer.closed}`])];
      if (peer.closed === null) await peer.leave('close');
      return heard;
    };
    expect(await hears(sides.stock.url)).toEqual(stock);
    expect(await hears(sides.ours.url)).toEqual(ours);
  });
});
