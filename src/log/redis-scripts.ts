import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

import type { Redis } from './redis-connection.ts';

const names = [
  'append',
  'begin',
  'read',
  'fetch',
  'heads',
  'positions',
  'acknowledge',
  'due',
  'sweep',
  'bury',
  'release',
] as const satisfies readonly string[];
export type ScriptName = (typeof names)[number];

export interface Script {
  readonly source: string;
  readonly sha: string;
}

/** Every script, for servers of one kind. */
export interface Scripts {
  get(name: ScriptName): Script;
  /** Loads all of them. For each new connection: a Redis that restarted knows none. */
  load(redis: Redis): Promise<void>;
}

/** @param sharded whether the doorbell is rung with sharded pub/sub */
export function createScripts(sharded: boolean): Scripts {
  const sources = new Map(names.map((name) => [name, compose(name, sharded)]));
  return {
    get(name) {
      const script = sources.get(name);
      if (script === undefined) throw new Error(`There is no script ${name}.`);
      return script;
    },
    async load(redis) {
      await Promise.all([...sources.values()].map(({ source }) => redis.script('LOAD', source)));
    },
  };
}

function compose(name: ScriptName, sharded: boolean): Script {
  const read = (file: string) => readFileSync(new URL(`./${file}.lua`, import.meta.url), 'utf8');
  const own = read(name);
  // Redis reads flags from the very first line only.
  const flags = /^#!lua.*\n/.exec(own)?.[0] ?? '';
  const shared = sharded ? read('shared').replace(`redis.call('PUBLISH'`, `redis.call('SPUBLISH'`) : read('shared');
  const source = `${flags}${shared}\n${own.slice(flags.length)}`;
  return { source, sha: createHash('sha1').update(source).digest('hex') };
}
