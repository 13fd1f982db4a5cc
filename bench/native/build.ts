/**
 * Compiles the C programs beside this file, once for each state of their sources: `out/` keeps them by content hash.
 * As a program (`node bench/native/build.ts load`) it prints the path.
 */
import { execFile, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, stat } from 'node:fs/promises';
import { arch } from 'node:os';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const sources = { load: ['load.c', 'connection.c'], raw: ['raw.c'] } as const;

/** `load`: the load client; `raw`: the raw epoll server. */
export type NativeProgram = keyof typeof sources;

const folder = fileURLToPath(new URL('.', import.meta.url));
const out = `${folder}out`;
const flags = ['-std=c17', '-D_GNU_SOURCE', '-O2', '-Wall', '-Wextra', '-Werror'];

/** Whether this machine can build them. */
export const hasCompiler = (): boolean => spawnSync('cc', ['--version']).status === 0;

/** The path of the built program. @throws Error with what the compiler said, or that there is none */
export async function nativeProgram(name: NativeProgram): Promise<string> {
  const program = `${out}/${name}-${await contentHash(name)}`;
  if (await exists(program)) return program;
  await mkdir(out, { recursive: true });
  const unfinished = `${program}.${process.pid}`; // two runs may build at once: each renames a whole one into place
  try {
    await promisify(execFile)('cc', [...flags, '-o', unfinished, ...sources[name].map((file) => folder + file)]);
  } catch (error) {
    throw new Error(`bench/native/${name}.c was not built: the bench needs a C compiler named cc.`, { cause: error });
  }
  await rename(unfinished, program);
  return program;
}

async function contentHash(name: NativeProgram): Promise<string> {
  const headers = (await readdir(folder)).filter((file) => file.endsWith('.h')).toSorted();
  const hash = createHash('sha256').update([arch(), ...flags].join(' '));
  for (const file of [...sources[name], ...headers]) hash.update(file).update(await readFile(folder + file));
  return hash.digest('hex').slice(0, 16);
}

async function exists(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}

if (import.meta.main) {
  const wanted = process.argv[2];
  if (wanted !== 'load' && wanted !== 'raw') throw new Error('Which one? load or raw');
  process.stdout.write(`${await nativeProgram(wanted)}\n`);
}
