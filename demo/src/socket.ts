import type { Gate } from './gate.ts';

/** What the page does to its own sockets. */
export interface SocketFaults {
  readonly gate: Gate;
  /** New sockets fail. */
  readonly refused: () => boolean;
  /** What a message becomes on its way out. */
  readonly outgoing: (data: string) => string;
}

export interface BreakableSockets {
  readonly WebSocket: typeof WebSocket;
  /** Breaks every open socket, as when the network changes: no farewell, close code 1006. */
  sever(): void;
}

/** The browser's WebSocket with a fault in it: what comes and goes passes the gate, in its order. */
export function createBreakableSockets({ gate, refused, outgoing }: SocketFaults): BreakableSockets {
  const sockets = new Set<BreakableSocket>();
  const inTurn = async (before: Promise<void>, run: () => void) => {
    const passed = gate.passed();
    await before;
    await passed;
    run();
  };

  // A class, because that is what a WebSocket is to whoever opens one.
  class BreakableSocket extends WebSocket {
    readonly #passed = new WeakSet<Event>();
    #severed = false;
    #incoming = Promise.resolve();
    #outgoing = Promise.resolve();

    constructor(url: string | URL, protocols?: string | string[]) {
      super(url, protocols);
      sockets.add(this);
      // First to listen, so first to hear: nobody else does until the event is sent on.
      for (const type of ['open', 'message', 'error', 'close']) this.addEventListener(type, (event) => this.#hold(event));
      if (refused()) this.close(); // before it is open, that is a failed connection to everybody
    }

    override send(data: string): void {
      this.#outgoing = inTurn(this.#outgoing, () => {
        if (this.readyState === WebSocket.OPEN && !this.#severed) super.send(outgoing(data));
      });
    }

    sever(): void {
      if (this.#severed) return;
      this.#severed = true;
      this.#tell(() => new CloseEvent('close', { code: 1006, wasClean: false }));
      super.close();
    }

    #hold(event: Event): void {
      if (event.type === 'close') sockets.delete(this);
      if (this.#passed.has(event)) return;
      event.stopImmediatePropagation();
      if (!this.#severed) this.#tell(() => copyOf(event));
    }

    #tell(make: () => Event): void {
      this.#incoming = inTurn(this.#incoming, () => {
        const event = make();
        if (this.#severed && event.type !== 'close') return; // it was on its way when the wire broke
        this.#passed.add(event);
        this.dispatchEvent(event);
      });
    }
  }

  return { WebSocket: BreakableSocket, sever: () => sockets.forEach((socket) => socket.sever()) };
}

function copyOf(event: Event): Event {
  if (event instanceof MessageEvent) return new MessageEvent(event.type, { data: event.data as unknown, origin: event.origin });
  if (event instanceof CloseEvent) {
    const { code, reason, wasClean } = event;
    return new CloseEvent(event.type, { code, reason, wasClean });
  }
  return new Event(event.type);
}
