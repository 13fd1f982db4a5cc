import { expect, test } from 'vitest';

import { seed } from '../faults/harness/random.ts';
import { mobileDay } from './mobile-day.ts';

test('half an hour of a bad mobile day loses nothing, shows nothing twice, keeps the order, and is back to push within 5 s', async () => {
  const verdict = await mobileDay(seed);
  console.log(JSON.stringify(verdict));
  expect(verdict).toMatchObject({ lost: 0, shownTwice: 0, outOfOrder: 0, unacknowledged: 0 });
  expect(verdict.backToPushMs.worst.ms).toBeLessThanOrEqual(5_000);
});
