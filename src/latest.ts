/** An audience is served at a stretch, and each of it may lack the latest few events. */
const kept = 16;

/** What was made of the latest few keys (objects, by identity), so that it is made once for all who ask at about the same time. */
export class Latest<Key extends object, Value> {
  readonly #keys: Key[] = [];
  readonly #values: Value[] = [];
  #oldest = 0;

  get(key: Key): Value | undefined {
    return this.#values[this.#keys.indexOf(key)];
  }

  set(key: Key, value: Value): void {
    const known = this.#keys.indexOf(key);
    const place = known < 0 ? this.#oldest : known;
    if (known < 0) this.#oldest = (this.#oldest + 1) % kept;
    this.#keys[place] = key;
    this.#values[place] = value;
  }
}
