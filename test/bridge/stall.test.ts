import { expect, it } from 'vitest';

import { createStallWatch } from '../../src/bridge/stall.ts';

const second = 1_000;

/** Asks once a second, as the bridge does. @returns the seconds at which it called a stall */
function watchFor(seconds: number, at: (time: number) => { readonly wanted: number | null; readonly high: number }): number[] {
  const watch = createStallWatch();
  return Array.from({ length: seconds }, (_, time) => time).filter((time) => {
    const { wanted, high } = at(time);
    return watch.check([{ topic: 't', partition: 0, wanted }], () => high, time * second) !== null;
  });
}

it('a partition with records that nobody fetches is stalled, at first soon, then at growing intervals', () => {
  const stalls = watchFor(300, () => ({ wanted: 5, high: 9 }));
  expect(stalls).toEqual([16, 47, 108, 229]);
});

it('a partition that is read to its end never stalls', () => {
  expect(watchFor(300, () => ({ wanted: 9, high: 9 }))).toEqual([]);
});

it('a partition that moves never stalls, however far behind it is', () => {
  expect(watchFor(300, (time) => ({ wanted: time, high: 10_000 }))).toEqual([]);
});

it('a partition whose reader is busy is not suspected', () => {
  expect(watchFor(300, (time) => ({ wanted: time % 10 === 0 ? 5 : null, high: 9 }))).toEqual([]);
});

it('after it moved once, a new stall is called as soon as a first one', () => {
  const stalls = watchFor(90, (time) => ({ wanted: time < 50 ? 5 : 6, high: 9 }));
  expect(stalls).toEqual([16, 47, 66]);
});
