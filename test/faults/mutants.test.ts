import { readFileSync } from 'node:fs';

import { expect, test } from 'vitest';

import * as mutants from './harness/mutants.ts';

test.each(Object.entries(mutants))('the mutant %s still fits the product', (_, mutant) => {
  for (const { file, find } of [mutant].flat()) {
    expect(readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8')).toContain(find);
  }
});
