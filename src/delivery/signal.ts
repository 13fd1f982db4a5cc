/** Wakes its one waiter; a wake while nobody waits is remembered, so that none is lost between a look and the wait. */
export interface Signal {
  readonly wake: () => void;
  wait(): Promise<void>;
}

export function createSignal(): Signal {
  let woken = false;
  let resolveWait: (() => void) | undefined;
  return {
    wake() {
      if (resolveWait === undefined) woken = true;
      else resolveWait();
      resolveWait = undefined;
    },
    wait() {
      if (woken) {
        woken = false;
        return Promise.resolve();
      }
      return new Promise((resolve) => {
        resolveWait = resolve;
      });
    },
  };
}
