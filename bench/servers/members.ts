/** Whom the next event is for. */

/** Every member once, in random order, then again in another: at random, and yet nobody gets many more than the rest. */
export function shuffled(members: number): () => string {
  const names = Array.from({ length: members }, (_, index) => `m${index}`);
  let at = members;
  return () => {
    if (at === members) {
      shuffle(names);
      at = 0;
    }
    return names[at++] ?? 'm0';
  };
}

function shuffle(names: string[]): void {
  for (let last = names.length - 1; last > 0; last--) {
    const other = Math.floor(Math.random() * (last + 1));
    const name = names[last] ?? '';
    names[last] = names[other] ?? '';
    names[other] = name;
  }
}
