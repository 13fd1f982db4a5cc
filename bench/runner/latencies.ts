/** Latencies that nobody could put into an event, because they begin after it was sent. */

/** Lines of two numbers, by the first one; of several lines about the same the first counts. */
function numbersIn(text: string): Map<number, number> {
  const pairs = text.split('\n').flatMap((line): [number, number][] => {
    const [first, second] = line.split(' ').map(Number);
    return first === undefined || second === undefined ? [] : [[first, second]];
  });
  return new Map(pairs.reverse());
}

/**
 * From `began` to `ended`, both lines of the time that an event carries and when it happened; ascending, in the same unit. What began and
 * did not end is left out; what ended before it began took no time.
 */
export function latenciesOf(began: string, ended: string): number[] {
  const ends = numbersIn(ended);
  const found: number[] = [];
  for (const [event, start] of numbersIn(began)) {
    const end = ends.get(event);
    if (end !== undefined) found.push(Math.max(0, end - start));
  }
  return found.sort((a, b) => a - b);
}

/** The value that `share` of the ascending values do not exceed; 0 for none. */
export function percentile(ascending: readonly number[], share: number): number {
  return ascending[Math.max(0, Math.ceil(ascending.length * share) - 1)] ?? 0;
}
