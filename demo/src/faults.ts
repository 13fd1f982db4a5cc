import type { Network } from './network.ts';
import { createStore, type Store } from './store.ts';
import type { TokenDesk } from './token-desk.ts';

export type Fault = 'cut' | 'slow' | 'freeze' | 'expire' | 'stumble';

export interface FaultState {
  readonly cut: boolean;
  readonly slow: boolean;
  /** ms since the epoch; null while awake */
  readonly frozenUntil: number | null;
  readonly expiring: boolean;
  /** What was pressed last, for the line that explains what one now sees. */
  readonly last: { readonly fault: Fault; readonly on: boolean } | null;
}

/** The buttons that break things, and mend them. */
export interface Faults {
  readonly state: Store<FaultState>;
  readonly cut: (on: boolean) => void;
  readonly slow: (on: boolean) => void;
  readonly freeze: () => void;
  readonly wake: () => void;
  readonly expire: () => Promise<void>;
  readonly stumble: () => void;
}

const slowMs = 2_000;
const freezeMs = 20_000;

export function createFaults({
  network,
  tokens,
  onStumble,
  onWake,
  note,
}: {
  readonly network: Network;
  readonly tokens: TokenDesk;
  readonly onStumble: () => void;
  readonly onWake: () => void;
  readonly note: (text: string) => void;
}): Faults {
  const state = createStore<FaultState>({ cut: false, slow: false, frozenUntil: null, expiring: false, last: null });
  const set = (change: Partial<FaultState>) => state.update((now) => ({ ...now, ...change }));
  let alarm: number | undefined;

  const wake = () => {
    if (state.get().frozenUntil === null) return;
    window.clearTimeout(alarm);
    set({ frozenUntil: null, last: { fault: 'freeze', on: false } });
    note('The tab woke up');
    network.wake();
    onWake();
  };
  return {
    state,
    cut(on) {
      set({ cut: on, last: { fault: 'cut', on } });
      note(on ? 'You cut the socket' : 'You mended the socket');
      network.cut(on);
      if (!on) onWake(); // as a device tells its apps that there is a network again
    },
    slow(on) {
      set({ slow: on, last: { fault: 'slow', on } });
      note(on ? 'You slowed the network' : 'You let the network run');
      network.delay(on ? slowMs : 0);
    },
    freeze() {
      if (state.get().frozenUntil !== null) return;
      set({ frozenUntil: Date.now() + freezeMs, last: { fault: 'freeze', on: true } });
      note('You froze the tab');
      network.sleep();
      alarm = window.setTimeout(wake, freezeMs);
    },
    wake,
    async expire() {
      if (state.get().expiring) return;
      set({ expiring: true, last: { fault: 'expire', on: true } });
      try {
        await tokens.expire();
        note('You let the token run out');
      } catch {
        note('No token to let run out: the server cannot be reached');
      } finally {
        set({ expiring: false });
      }
    },
    stumble() {
      set({ last: { fault: 'stumble', on: true } });
      onStumble();
    },
  };
}
