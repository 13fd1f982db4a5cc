/** Wakes its one waiter, in the same turn; a wake while nobody waits is remembered, so that none is lost between a look and the wait. */
export interface Signal {
  readonly wake: () => void;
  /** `woken` is called once, and never before this returns. */
  wait(woken: () => void): void;
}

export function createSignal(): Signal {
  let early = false;
  let waiter: (() => void) | undefined;

  const wake = () => {
    const woken = waiter;
    waiter = undefined;
    if (woken === undefined) early = true;
    else woken();
  };
  return {
    wake,
    wait(woken) {
      waiter = woken;
      if (!early) return;
      early = false;
      queueMicrotask(wake);
    },
  };
}
