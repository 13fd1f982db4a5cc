/** What GraphiQL hands its fetcher. */
interface Operation {
  readonly query: string;
  readonly variables?: object;
  readonly operationName?: string | null;
}

interface Pane {
  readonly headers?: Record<string, string>;
  readonly documentAST?: {
    readonly definitions: readonly { readonly operation?: string; readonly name?: { readonly value: string } }[];
  };
}

interface Observer {
  next(result: unknown): void;
  error(error: unknown): void;
  complete(): void;
}

/** Where GraphiQL keeps what it remembers. */
interface Memory {
  readonly length: number;
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
  clear(): void;
}

interface PageElement {
  readonly textContent: string;
  click(): void;
  getAttribute(name: string): string | null;
  dispatchEvent(event: object): boolean;
}

/** The page's own globals: this file is compiled for the server, and only its text goes to the browser. */
interface PageGlobals {
  readonly localStorage: Memory;
  readonly location: { readonly href: string; readonly hash: string };
  readonly document: { querySelector(selector: string): PageElement | null };
  readonly KeyboardEvent: new (type: string, init: { key: string; bubbles: boolean }) => object;
}

/**
 * Runs in the browser, as text, and so uses nothing from outside itself. Answers two of GraphiQL's props:
 * - `fetcher`, because the one that Yoga's page brings leaves the headers pane out of connection_init, and without its token no
 *   subscription starts;
 * - `storage`, which forgets the tabs, because a second visit would open on an empty one (the query stays in the address).
 */
export function graphiqlClient(runFragment: string) {
  const { KeyboardEvent, localStorage, location, document } = globalThis as unknown as PageGlobals; // in the browser they are there
  const endpoint = new URL('/graphql', location.href).href;

  const subscribe = (operation: Operation, headers: Record<string, string>, observer: Observer) => {
    const socket = new WebSocket(endpoint.replace(/^http/, 'ws'), 'graphql-transport-ws');
    let over = false;
    const end = () => {
      over = true;
      socket.close(1000);
    };
    const send = (message: object) => socket.send(JSON.stringify(message));
    socket.addEventListener('open', () => send({ type: 'connection_init', payload: headers }));
    socket.addEventListener('message', ({ data }: { data: unknown }) => {
      const message = JSON.parse(String(data)) as { type: string; payload?: unknown };
      if (message.type === 'connection_ack') send({ id: '1', type: 'subscribe', payload: operation });
      else if (message.type === 'ping') send({ type: 'pong' });
      else if (message.type === 'next') observer.next(message.payload);
      else if (message.type === 'error') {
        end();
        observer.next({ errors: message.payload });
        observer.complete();
      } else if (message.type === 'complete') {
        end();
        observer.complete();
      }
    });
    socket.addEventListener('close', ({ code, reason }: { code: number; reason: string }) => {
      if (over) return;
      over = true;
      observer.error({ message: `The connection closed with ${String(code)}${reason === '' ? '' : `: ${reason}`}` });
    });
    return { unsubscribe: end };
  };

  if (location.hash === runFragment) {
    // GraphiQL has no such option and no event for it: press its button once the editor shows the operation. With several operations
    // the button opens a menu of them: take the first.
    let tries = 0;
    const waiting = setInterval(() => {
      const button = document.querySelector('.graphiql-execute-button');
      const first = document.querySelector('[role="menuitem"]');
      const ready = (document.querySelector('.graphiql-query-editor .view-lines')?.textContent ?? '') !== '';
      const menu = button?.getAttribute('aria-haspopup') === 'menu';
      if (ready && menu && first === null) button.dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowDown', bubbles: true }));
      else if (ready && menu) first?.click();
      else if (ready) button?.click();
      if ((ready && button !== null && (!menu || first !== null)) || ++tries > 600) clearInterval(waiting);
    }, 100);
  }

  const fetcher = (operation: Operation, { headers = {}, documentAST }: Pane = {}) => {
    const operations = (documentAST?.definitions ?? []).filter((definition) => definition.operation !== undefined);
    const named = operations.find(({ name }) => name?.value === operation.operationName) ?? operations[0];
    if (named?.operation === 'subscription') {
      return { subscribe: (observer: Observer) => subscribe(operation, headers, observer) };
    }
    return fetch(endpoint, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json', ...headers },
      body: JSON.stringify(operation),
    }).then((response) => response.json());
  };

  const tabs = /tabState$/;
  const storage: Memory = {
    get length() {
      return localStorage.length;
    },
    getItem: (key) => (tabs.test(key) ? null : localStorage.getItem(key)),
    setItem: (key, value) => {
      if (!tabs.test(key)) localStorage.setItem(key, value);
    },
    removeItem: (key) => localStorage.removeItem(key),
    clear: () => localStorage.clear(),
  };
  return { fetcher, storage };
}
