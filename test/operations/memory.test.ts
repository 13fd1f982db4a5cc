import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import { expect, test } from 'vitest';

const module = new URL('../../src/operations/memory.ts', import.meta.url).href;

/** Lives through some collections, as code that is being loaded does, and so makes the young generation grow. */
const source = `
  import { getHeapSpaceStatistics } from 'node:v8';
  import { releaseStartMemory } from ${JSON.stringify(module)};
  const young = () => getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space').space_size / 2 ** 20;
  const grow = () => {
    for (let round = 0; round < 10; round++) Array.from({ length: 200_000 }, (_, index) => ({ index }));
    return young();
  };
  const grown = grow();
  releaseStartMemory();
  console.log(JSON.stringify({ grown, released: young(), again: grow(), gc: typeof globalThis.gc }));
`;

test('what the start left behind is given back, and there for the work again', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module-typescript', '--eval', source]);
  const { grown, released, again, gc } = JSON.parse(stdout) as { grown: number; released: number; again: number; gc: string };
  expect(grown).toBeGreaterThan(8);
  expect(released).toBeLessThanOrEqual(2);
  expect(again).toBeGreaterThan(8);
  expect(gc).toBe('undefined');
});
