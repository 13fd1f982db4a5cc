import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Names as they stand in addresses, e.g. `index.html`, `assets/index-1a2b.js`. */
export type PageFiles = ReadonlyMap<string, string | Uint8Array>;

const built = fileURLToPath(new URL('../page', import.meta.url));
const settings = fileURLToPath(new URL('../../demo/vite.config.ts', import.meta.url));

/**
 * How the page's files are got: a built program has them beside it; a source tree builds them, in memory, when Vite is installed.
 * Null when neither is so.
 */
export function findPageFiles(): (() => Promise<PageFiles>) | null {
  if (existsSync(join(built, 'index.html'))) return readBuilt;
  return existsSync(settings) && hasVite() ? buildNow : null;
}

function hasVite(): boolean {
  try {
    createRequire(import.meta.url).resolve('vite/package.json');
    return true;
  } catch {
    return false;
  }
}

async function readBuilt(): Promise<PageFiles> {
  const entries = await readdir(built, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return new Map(
    await Promise.all(files.map(async (file) => [relative(built, file).replaceAll(sep, '/'), await readFile(file)] as const)),
  );
}

async function buildNow(): Promise<PageFiles> {
  const { build } = await import('vite');
  const output = await build({ configFile: settings, configLoader: 'native', logLevel: 'error', build: { write: false } });
  if (!('output' in output)) throw new Error('Vite built something else than one page.');
  return new Map(output.output.map((file) => [file.fileName, file.type === 'chunk' ? file.code : file.source]));
}
