import { Histogram, type Metric, Registry } from 'prom-client';
import { expect, test } from 'vitest';

import { createHistogram } from '../../src/operations/histogram.ts';

test('it says what a histogram of prom-client says of the same values', async () => {
  const [ours, theirs] = [new Registry(), new Registry()];
  const described = { name: 'seconds', help: 'How long.', buckets: [0.001, 0.5, 1, 64] };
  const histogram = createHistogram((metric) => ours.registerMetric(metric as unknown as Metric), described); // as in metrics.ts;
  const peer = new Histogram({ ...described, registers: [theirs] });
  expect(await ours.metrics()).toBe(await theirs.metrics());
  for (const value of [0, 0.001, 0.0011, 0.5, 1, 1.5, 64, 65, 1e9]) {
    histogram.observe(value);
    peer.observe(value);
  }
  expect(await ours.metrics()).toBe(await theirs.metrics());
});
