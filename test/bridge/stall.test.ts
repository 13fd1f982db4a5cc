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

it('partitions that stall together cost one new consumer, not one each', () => {
  const watch = createStallWatch();
  const feeds = [0, 1, 2].map((partition) => ({ topic: 't', partition, wanted: 5 }));
  // The later ones by a second or two.
  const stalls = Array.from({ length: 60 }, (_, time) => time).filter(
    (time) => watch.check(feeds.slice(0, time + 1), () => 9, time * second) !== null,
  );
  expect(stalls).toEqual([16, 32]);
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

it('a partition that does not move is told by name and offset for as long as it is ours, also while consumers are rebuilt for it', () => {
  const watch = createStallWatch();
  const feed = { topic: 't', partition: 3, wanted: 5 };
  for (let time = 0; time <= 70; time++) {
    watch.check([time % 7 === 0 ? { ...feed, wanted: null } : feed], () => 9, time * second);
    if (time === 60) expect(watch.standing([feed], 60 * second, time * second)).toBeNull();
  }
  expect(watch.standing([feed], 60 * second, 70 * second)).toContain('t/3 does not get past offset 5');
  expect(watch.standing([{ topic: 't', partition: 4 }], 60 * second, 70 * second)).toBeNull();
  watch.check([{ ...feed, wanted: 6 }], () => 9, 71 * second);
  expect(watch.standing([feed], 60 * second, 72 * second)).toBeNull();
});
