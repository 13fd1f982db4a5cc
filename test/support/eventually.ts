import { setTimeout as sleep } from 'node:timers/promises';

type Truthy<T> = Exclude<T, false | null | undefined | 0 | ''>;

/**
 * Waits until `condition` answers something truthy, and returns it. An assertion that throws counts as "not yet"; at the deadline the last
 * one is thrown.
 */
export async function eventually<T>(
  condition: () => T | Promise<T>,
  { withinMs = 20_000, what = 'condition' } = {},
): Promise<Truthy<T>> {
  const deadline = Date.now() + withinMs;
  let last: unknown;
  while (Date.now() < deadline) {
    try {
      const answer = await condition();
      if (answer) return answer as Truthy<T>; // the compiler does not narrow a type parameter
      last = undefined;
    } catch (error) {
      last = error;
    }
    await sleep(10);
  }
  throw new Error(`${what}: not within ${withinMs} ms`, { cause: last });
}
