import { expect, it } from 'vitest';

import { createLogger } from '../../src/operations/logger.ts';
import { retryForever } from '../../src/operations/retry.ts';

const log = createLogger('silent');

it.each([new Error('of any kind'), new TypeError("Cannot read properties of undefined (reading 'offset')")])(
  'what fails with %s is tried again until it works',
  async (error) => {
    let tries = 0;
    const attempt = async () => {
      if (++tries < 3) throw error;
      return 'at last';
    };
    expect(await retryForever('this', attempt, { signal: new AbortController().signal, log })).toBe('at last');
    expect(tries).toBe(3);
  },
);

it('ends with the reason it is given, also while it waits to try again', async () => {
  const stopping = new AbortController();
  const attempt = async () => {
    stopping.abort(new Error('enough'));
    throw new TypeError('not yet');
  };
  await expect(retryForever('this', attempt, { signal: stopping.signal, log })).rejects.toThrow('enough');
});
