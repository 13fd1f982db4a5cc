import type { EnvironmentSignal, Platform } from './client.ts';

/** `persisted`: of `pageshow`, out of the back/forward cache rather than at the first load. */
type Listener = (event: { readonly persisted?: boolean }) => void;

interface Target {
  addEventListener?(type: string, listener: Listener): void;
  removeEventListener?(type: string, listener: Listener): void;
}

/** A page's own view; React Native and Node have none of it, and say nothing (an app calls `wake` there). */
interface Page extends Target {
  readonly document?: Target & { readonly visibilityState?: string };
  readonly navigator?: { readonly onLine?: boolean };
}

/** Tells of the network and of the page coming and going. What is already so when it starts is told at once. */
function watchPage(tell: (signal: EnvironmentSignal) => void): () => void {
  const page = globalThis as Page; // each part is looked at before it is used
  const { document } = page;
  const removals: (() => void)[] = [];
  const on = (target: Target | undefined, type: string, listener: Listener) => {
    if (target?.addEventListener === undefined) return;
    target.addEventListener(type, listener);
    removals.push(() => target.removeEventListener?.(type, listener));
  };
  const visibility = () => tell(document?.visibilityState === 'hidden' ? 'hidden' : 'visible');
  if (document !== undefined) {
    on(page, 'online', () => tell('online'));
    on(page, 'offline', () => tell('offline'));
    on(document, 'visibilitychange', visibility);
    on(document, 'resume', () => tell('resume')); // after the browser had frozen the page
    on(page, 'pageshow', ({ persisted }) => {
      if (persisted === true) tell('resume');
    });
    if (page.navigator?.onLine === false) tell('offline');
    if (document.visibilityState === 'hidden') tell('hidden');
  }
  return () => {
    for (const remove of removals) remove();
  };
}

/** Where the client runs, with what the app gave in place of it. */
export function platformOf(given: Partial<Platform> = {}): Platform {
  return {
    fetch: (input, init) => globalThis.fetch(input, init), // looked up at each call: apps and tests replace it
    WebSocket: globalThis.WebSocket,
    now: Date.now,
    elapsed: () => performance.now(),
    random: Math.random,
    setTimeout: (run, ms) => globalThis.setTimeout(run, ms),
    clearTimeout: (timer) => globalThis.clearTimeout(timer as Parameters<typeof clearTimeout>[0]), // from the line above
    watchEnvironment: watchPage,
    ...given,
  };
}
