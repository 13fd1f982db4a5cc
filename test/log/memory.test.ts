import { expect, test } from 'vitest';

import { createMemoryLog } from '../../src/log/memory.ts';
import { eventLogContract } from './contract.ts';
import { beginning, eventOf, passing } from './fixtures.ts';

eventLogContract('memory', async (options) => createMemoryLog(options));

test('the latest best-effort event of a channel goes after a minute', async () => {
  let time = Date.now();
  const log = createMemoryLog({ now: () => time });
  const { append } = await beginning(log);
  const event = eventOf('m', 'p', passing);
  await append(event);
  time += 59_999;
  expect(await log.latest('m', event.channel)).toEqual(event);
  time += 1;
  expect(await log.latest('m', event.channel)).toBe(null);
  await log.close();
});
