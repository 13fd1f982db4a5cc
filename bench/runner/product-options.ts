import { readFileSync } from 'node:fs';

const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  readonly scripts: { readonly start: string }; // our own
};

/** What `npm start` gives Node: the product is measured as it is started. */
export const productOptions: readonly string[] = manifest.scripts.start.split(' ').filter((word) => word.startsWith('--'));

/** Of a server under test. */
export const isProduct = (name: string) => name.startsWith('lifeline');
