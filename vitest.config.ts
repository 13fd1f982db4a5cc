import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/kafka-global.ts'],
    setupFiles: ['test/support/warnings.ts'],
    pool: 'forks',
    // Real servers on a small machine: more files at once only make them wait for each other.
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    teardownTimeout: 20_000,
  },
});
