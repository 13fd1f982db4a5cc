import { afterAll } from 'vitest';

/** Node's warnings (deprecations, leaked listeners, negative timeouts …) fail the file that caused them. */
const warnings: Error[] = [];
process.on('warning', (warning) => {
  // The one experiment in use: Node strips the types of the TypeScript it runs.
  if (!/type stripping/i.test(warning.message)) warnings.push(warning);
});

afterAll(() => {
  if (warnings.length > 0)
    throw new AggregateError(warnings, warnings.map((warning) => warning.stack ?? warning.message).join('\n'));
});
