/** One value that views watch; the shape that `useSyncExternalStore` wants. */
export interface Store<Value> {
  get(): Value;
  update(change: (value: Value) => Value): void;
  /** @returns the function that ends it */
  subscribe(listener: () => void): () => void;
}

export function createStore<Value>(initial: Value): Store<Value> {
  let value = initial;
  const listeners = new Set<() => void>();
  return {
    get: () => value,
    update(change) {
      const changed = change(value);
      if (changed === value) return;
      value = changed;
      for (const listener of listeners) listener();
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}
