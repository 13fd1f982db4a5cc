import { configDefaults, defineConfig, mergeConfig } from 'vitest/config';

import base from './vitest.config.ts';

/** `npm run faults`: all of the campaign, one file after the other. */
export default mergeConfig(
  { ...base, test: { ...base.test, exclude: configDefaults.exclude } },
  defineConfig({
    test: { globalSetup: ['test/support/redis-installed.ts'], maxWorkers: 1, bail: 0 },
  }),
);
