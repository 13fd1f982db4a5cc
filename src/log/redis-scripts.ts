import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

import type { Redis } from './redis-connection.ts';

const names = [
  'append',
  'begin',
  'read',
  'fetch',
  'heads',
  'acknowledge',
  'due',
  'sweep',
  'bury',
  'release',
] as const satisfies readonly string[];
export type ScriptName = (typeof names)[number];

export interface ScriptCall {
  readonly script: ScriptName;
  /** All of one hash tag. */
  readonly keys: readonly string[];
  readonly args: readonly (string | number)[];
}

export type ScriptAnswer = { readonly ok: true; readonly reply: unknown } | { readonly ok: false; readonly error: Error };

const sources = new Map(names.map((name) => [name, compose(name)]));

function compose(name: ScriptName) {
  const read = (file: string) => readFileSync(new URL(`./${file}.lua`, import.meta.url), 'utf8');
  const own = read(name);
  // Redis reads flags from the very first line only.
  const flags = /^#!lua.*\n/.exec(own)?.[0] ?? '';
  const source = `${flags}${read('shared')}\n${own.slice(flags.length)}`;
  return { source, sha: createHash('sha1').update(source).digest('hex') };
}

function scriptOf(name: ScriptName) {
  const script = sources.get(name);
  if (script === undefined) throw new Error(`There is no script ${name}.`);
  return script;
}

/** Loads every script. For each new connection: a Redis that restarted knows none. */
export async function loadScripts(redis: Redis): Promise<void> {
  await Promise.all([...sources.values()].map(({ source }) => redis.script('LOAD', source)));
}

/** One script; calls of the same tick travel together (auto-pipelining). */
export async function runScript(redis: Redis, { script, keys, args }: ScriptCall): Promise<unknown> {
  const { sha, source } = scriptOf(script);
  try {
    return await redis.evalsha(sha, keys.length, ...keys, ...args);
  } catch (error) {
    if (!isUnknownScript(error)) throw error;
    return redis.eval(source, keys.length, ...keys, ...args);
  }
}

/** Many scripts in one round trip, in order; every answer by itself, because one that failed does not stop the ones behind it. */
export async function runScripts(redis: Redis, calls: readonly ScriptCall[]): Promise<ScriptAnswer[]> {
  if (calls.length === 0) return [];
  const send = async (how: 'evalsha' | 'eval', some: readonly ScriptCall[]) => {
    const pipeline = redis.pipeline();
    for (const { script, keys, args } of some) {
      const { sha, source } = scriptOf(script);
      pipeline[how](how === 'evalsha' ? sha : source, keys.length, ...keys, ...args);
    }
    return (await pipeline.exec()) ?? [];
  };
  let replies = await send('evalsha', calls);
  // Scripts were flushed: SCRIPT FLUSH, or a restart behind a proxy that kept our connection. What was not found had no effect; from the
  // first such call on all are sent again, because their order counts and each of them may be repeated.
  const missing = replies.findIndex(([error]) => isUnknownScript(error));
  if (missing >= 0) replies = [...replies.slice(0, missing), ...(await send('eval', calls.slice(missing)))];
  return calls.map((_, index) => {
    const [error, reply] = replies[index] ?? [new Error('Redis did not answer.')];
    return error ? { ok: false, error } : { ok: true, reply };
  });
}

function isUnknownScript(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('NOSCRIPT');
}
