import { closeSync, openSync } from 'node:fs';

import { expect, test } from 'vitest';

import { createMetrics } from '../../src/operations/metrics.ts';

const values = async (metrics: ReturnType<typeof createMetrics>) =>
  new Map([...(await metrics.registry.metrics()).matchAll(/^(\w+) (\S+)$/gm)].map(([, name = '', value]) => [name, Number(value)]));

test.runIf(process.platform === 'linux')('the number of open files follows what is opened', async () => {
  const metrics = createMetrics();
  const before = (await values(metrics)).get('process_open_fds') ?? 0;
  const files = Array.from({ length: 100 }, () => openSync('/dev/null', 'r'));
  const opened = (await values(metrics)).get('process_open_fds') ?? 0;
  for (const file of files) closeSync(file);
  expect(before).toBeGreaterThan(0);
  expect(opened - before).toBeGreaterThan(80); // others in this process open and close some meanwhile
  expect(opened - before).toBeLessThan(120);
});

test("what Node says of the process is there, but for what takes a walk over every socket's handle", async () => {
  const names = [...(await values(createMetrics())).keys()];
  expect(names).toEqual(expect.arrayContaining(['process_cpu_seconds_total', 'nodejs_eventloop_lag_seconds']));
  expect(names.filter((name) => name.startsWith('nodejs_active_handles'))).toEqual([]);
});
