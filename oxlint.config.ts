import { defineConfig } from 'oxlint';

import { importRules } from './scripts/import-rules.ts';

export default defineConfig({
  plugins: ['typescript', 'unicorn', 'import', 'node', 'promise', 'oxc'],
  categories: { correctness: 'error', suspicious: 'error', perf: 'error' },
  ignorePatterns: ['dist/**', 'src/graphql/generated.ts', 'src/client/generated.ts', 'bench/peers/**'],
  rules: {
    'typescript/no-floating-promises': 'error',
    'typescript/no-misused-promises': 'error',
    'typescript/no-explicit-any': 'error',
    'typescript/no-non-null-assertion': 'error',
    'typescript/consistent-type-imports': 'error',
    'import/no-cycle': 'error',
    'node/no-process-env': 'error',
    'no-console': 'error',
    'no-await-in-loop': 'off',
    'unicorn/no-array-sort': 'off',
    'unicorn/no-array-reverse': 'off',
    'unicorn/consistent-function-scoping': 'off',
    'unicorn/require-post-message-target-origin': 'off',
    'typescript/no-unsafe-type-assertion': 'off',
    'import/no-unassigned-import': 'off',
    'no-shadow': 'off',
    'consistent-return': 'off',
    'no-unmodified-loop-condition': 'off',
    'import/no-named-as-default-member': 'off',
    'oxc/no-map-spread': 'off',
    'no-underscore-dangle': 'off',
  },
  overrides: [
    { files: ['src/config.ts', 'test/**', 'bench/**', 'vitest.config.ts'], rules: { 'node/no-process-env': 'off' } },
    { files: ['src/main.ts', 'test/support/**', 'bench/**', 'bin/**'], rules: { 'no-console': 'off' } },
    ...importRules,
  ],
});
