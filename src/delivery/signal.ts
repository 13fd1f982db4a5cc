export interface Waiter {
  woken(): void;
}

/** Wakes its one waiter, in the same turn; a wake while nobody waits is remembered, so that none is lost between a look and the wait. */
export class Signal {
  #early = false;
  #waiter: Waiter | undefined;

  wake(): void {
    const waiter = this.#waiter;
    this.#waiter = undefined;
    if (waiter === undefined) this.#early = true;
    else waiter.woken();
  }

  /** `woken` is called once, and never before this returns. */
  wait(waiter: Waiter): void {
    this.#waiter = waiter;
    if (!this.#early) return;
    this.#early = false;
    queueMicrotask(() => this.wake());
  }
}
