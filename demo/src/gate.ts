/** What lies between the page and the network: everything passes it, at once, late, or not until the tab wakes up. */
export interface Gate {
  /** Resolves when what arrived now may pass. */
  passed(): Promise<void>;
  /** Runs it now, or when the tab wakes up. */
  whenAwake(run: () => void): void;
  delay(ms: number): void;
  sleep(): void;
  wake(): void;
}

export function createGate(): Gate {
  let delayMs = 0;
  let held: (() => void)[] | null = null;

  const whenAwake = (run: () => void) => {
    if (held === null) run();
    else held.push(run);
  };
  return {
    whenAwake,
    async passed() {
      if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs));
      await new Promise<void>(whenAwake);
    },
    delay(ms) {
      delayMs = ms;
    },
    sleep() {
      held ??= [];
    },
    wake() {
      const waiting = held ?? [];
      held = null;
      for (const run of waiting) run();
    },
  };
}
