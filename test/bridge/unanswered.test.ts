import { expect, it } from 'vitest';

import { flagUnanswered } from '../../src/bridge/unanswered.ts';
import type { SourceWriter } from '../../src/log/log.ts';
import { createMemoryLog } from '../../src/log/memory.ts';
import { eventOf, recordsOf } from '../log/fixtures.ts';

/** A writer to a server that applies what it is sent and, while `dying`, is gone before it answers. */
async function start() {
  const state = { dying: false };
  let log = createMemoryLog();
  const open = async () => {
    const source = log.source('t', 0);
    await source.begin(0);
    return source;
  };
  let source = await open();
  const writer: SourceWriter = {
    ...source,
    async append(to, records) {
      const result = await source.append(to, records);
      if (!state.dying) return result;
      // Its successor has heard of nothing.
      log = createMemoryLog();
      source = await open();
      throw new Error('Redis did not answer.');
    },
    restart: (offset) => source.restart(offset),
  };
  const refed = async () => (await log.read('m', { after: null, limit: 100 })).entries.map(({ refed: flag }) => flag);
  return { state, writer: flagUnanswered(writer), refed };
}

it('what an append without an answer may have delivered is flagged when it is sent again, and what comes behind it is not', async () => {
  const { state, writer, refed } = await start();
  const events = Array.from({ length: 4 }, () => eventOf('m'));
  state.dying = true;
  await expect(writer.append(2, recordsOf(events.slice(0, 2)))).rejects.toThrow('did not answer');
  state.dying = false;
  await writer.append(3, recordsOf(events.slice(0, 3)));
  await writer.append(4, recordsOf(events.slice(3), 3));
  expect(await refed()).toEqual([true, true, false, false]);
});

it('an append that met a gap may have been taken in part: what is sent again with it is flagged', async () => {
  const log = createMemoryLog();
  const source = log.source('t', 0);
  await source.begin(0);
  let gap = true;
  const writer = flagUnanswered({
    ...source,
    async append(to, records) {
      if (!gap) return source.append(to, records);
      gap = false;
      return { status: 'gap', next: 0 };
    },
  });
  const events = [eventOf('m'), eventOf('m')];
  expect(await writer.append(1, recordsOf(events.slice(0, 1)))).toEqual({ status: 'gap', next: 0 });
  await writer.append(2, recordsOf(events));
  const { entries } = await log.read('m', { after: null, limit: 100 });
  expect(entries.map(({ refed }) => refed)).toEqual([true, false]);
});

it('where Kafka started over, offsets are other records: nothing of them is flagged', async () => {
  const { state, writer, refed } = await start();
  state.dying = true;
  await expect(writer.append(2, recordsOf([eventOf('m'), eventOf('m')]))).rejects.toThrow('did not answer');
  state.dying = false;
  await writer.restart(0);
  await writer.append(1, recordsOf([eventOf('m')]));
  expect(await refed()).toEqual([false]);
});
