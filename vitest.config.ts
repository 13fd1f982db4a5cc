import { configDefaults, defineConfig } from 'vitest/config';

export default defineConfig({
  // graphql 16 ships twice, and Vite would give our code index.mjs while the libraries load index.js as Node does: two realms, and
  // graphql-js refuses schemas of the other one.
  resolve: { alias: [{ find: /^graphql$/, replacement: 'graphql/index.js' }] },
  test: {
    include: ['test/**/*.test.ts'],
    // Faults none of which is quick: `npm run faults` has them.
    exclude: [...configDefaults.exclude, 'test/**/*.long.test.ts'],
    globalSetup: ['test/support/redis-installed.ts', 'test/support/kafka-global.ts'],
    setupFiles: ['test/support/warnings.ts', 'test/support/orphan.ts'],
    pool: 'forks',
    // Real servers on a small machine: more files at once only make them wait for each other.
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    teardownTimeout: 20_000,
  },
});
