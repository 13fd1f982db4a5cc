/** Where a server's time went: self time of a `.cpuprofile` by module. */

interface Profile {
  readonly nodes: readonly { readonly id: number; readonly callFrame: { readonly functionName: string; readonly url: string } }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

export interface SelfTime {
  readonly module: string;
  /** µs */
  readonly micros: number;
  /** of the time in which the process did anything, 0 to 1 */
  readonly share: number;
}

/** Modules by self time, most first; waiting is left out, what a sample found is charged the time since the sample before. */
export function selfTimes(text: string): readonly SelfTime[] {
  // Written by V8 itself; a file of anything else fails on the first field.
  const profile = JSON.parse(text) as Profile;
  const modules = new Map(profile.nodes.map(({ id, callFrame }) => [id, moduleOf(callFrame.functionName, callFrame.url)]));
  const times = new Map<string, number>();
  profile.samples.forEach((id, index) => {
    const module = modules.get(id) ?? '(unknown)';
    times.set(module, (times.get(module) ?? 0) + (profile.timeDeltas[index] ?? 0));
  });
  times.delete('(idle)');
  const all = [...times.values()].reduce((sum, micros) => sum + micros, 0);
  return [...times]
    .map(([module, micros]) => ({ module, micros, share: all === 0 ? 0 : micros / all }))
    .toSorted((a, b) => b.micros - a.micros);
}

/** A package, a file of the product or of the bench, a part of Node, or V8's own `(garbage collector)`. */
function moduleOf(functionName: string, url: string): string {
  if (url === '') return functionName.startsWith('(') ? functionName : '(native)';
  const dependency = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1];
  if (dependency !== undefined) return dependency;
  if (url.startsWith('node:')) return url;
  return /.*\/((?:src|dist|bench)\/.*)$/.exec(url)?.[1] ?? url;
}
