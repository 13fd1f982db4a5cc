import { setTimeout as sleep } from 'node:timers/promises';

import { expect, test } from 'vitest';

import { createHandled } from '../../src/client/dedupe.ts';
import { createMemory } from '../../src/client/memory.ts';
import { memoryStorage } from '../../src/client/storage.ts';

function setup() {
  const storage = memoryStorage();
  let writes = 0;
  const handled = createHandled();
  const memory = createMemory({
    storage: {
      get: (name) => storage.get(name),
      set(name, text) {
        writes++;
        return storage.set(name, text);
      },
    },
    handled,
    acks: { restore: () => undefined, toText: () => '[]' },
    after: (ms) => sleep(ms),
  });
  return { storage, handled, memory, writes: () => writes };
}

test('what was handled is written down at once, whatever acknowledgements are doing: a reload may come right behind it', async () => {
  const { storage, handled, memory } = setup();
  await memory.load('m-1');
  handled.add('stream', 'e-1');
  memory.changed();
  expect(await storage.get('lifeline:handled:m-1')).toContain('e-1');
});

test('a burst is written down at its beginning and at its end, not event by event', async () => {
  const { storage, handled, memory, writes } = setup();
  await memory.load('m-1');
  for (let count = 0; count < 500; count++) {
    handled.add('stream', `e-${count}`);
    memory.changed();
  }
  await expect.poll(() => storage.get('lifeline:handled:m-1')).toContain('e-499');
  expect(writes()).toBeLessThan(10);
});
