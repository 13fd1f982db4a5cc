import { type ClientError, createClient, type LifelineClient, type State } from '../../src/client/index.ts';
import { type Calls, withStep } from './calls.ts';
import { type Checks, withUpdate } from './checks.ts';
import { tabMemory, tabStorage } from './memory.ts';
import type { Network } from './network.ts';
import { createStore, type Store } from './store.ts';
import { type Rows, withNote, withShown, withTrace } from './timeline.ts';
import type { TokenDesk } from './token-desk.ts';
import { coverageInWords, stateInWords, visitInWords } from './words.ts';

/** Everything that the page shows, but for how the connection is. */
export interface View {
  readonly checks: Checks;
  readonly calls: Calls;
  readonly rows: Rows;
  /** The check and the call that this tab asked for: shown in preference to those of the story. */
  readonly own: { readonly check: Asked | null; readonly call: Asked | null };
  /** The next event's handler fails. */
  readonly stumble: boolean;
}

export interface Asked {
  /** Of the workflow or the call. */
  readonly id: string;
  /** ms since the epoch */
  readonly at: number;
}

export interface Visitor {
  readonly client: LifelineClient;
  readonly view: Store<View>;
  note(text: string): void;
}

const empty: View = { checks: [], calls: [], rows: [], own: { check: null, call: null }, stumble: false };

/** One member in one tab: the library, told to keep the page's view up to date. */
export function createVisitor({
  member,
  account,
  network,
  tokens,
}: {
  readonly member: string;
  readonly account: string;
  readonly network: Network;
  readonly tokens: TokenDesk;
}): Visitor {
  const memory = tabMemory<View>(`view:${member}`, 1);
  const view = createStore<View>(memory.recall() ?? empty);
  view.subscribe(() => memory.keep(view.get()));

  const rows = (change: (rows: Rows) => Rows) => view.update((now) => ({ ...now, rows: change(now.rows) }));
  const note = (text: string) => rows((now) => withNote(now, text, Date.now()));
  const onError = (error: ClientError) => {
    // The status tells of the network, and the event's own line of its handler.
    if (error.code !== 'HANDLER' && error.code !== 'NETWORK') note(error.message);
  };
  /** The library must hear of the failure, so the handler really throws. */
  const maybeStumble = () => {
    if (!view.get().stumble) return;
    view.update((now) => ({ ...now, stumble: false }));
    throw new Error('The page stumbled over this event, as asked.');
  };

  let state: State | null = null;
  const client = createClient({
    url: new URL('/graphql', location.href).href,
    token: tokens.issue,
    storage: tabStorage(member),
    platform: network.platform,
    onTrace: (trace) => rows((now) => withTrace(now, trace)),
    onError,
    onStatus(status) {
      if (status.state === state) return;
      state = status.state;
      note(`Now ${stateInWords[state].title.toLowerCase()}. ${status.reason ?? ''}`.trim());
    },
  });

  client.coverageUpdates(
    { accountId: account },
    {
      onError,
      onEvent(update, { id, path }) {
        maybeStumble();
        const { type, workflowId: about, delivery } = update;
        const how = path === 'push' ? 'pushed' : 'polled';
        const shown = { id, type, how, about, text: coverageInWords(update), ackRequired: delivery.ackRequired } as const;
        view.update((now) => ({
          ...now,
          checks: withUpdate(now.checks, update),
          rows: withShown(now.rows, shown, Date.now()),
        }));
      },
    },
  );
  client.videoVisitEvents(
    {},
    {
      onError,
      onEvent(event, { id, path }) {
        maybeStumble();
        const { type, callId: about, delivery } = event;
        const how = path === 'push' ? 'pushed' : 'polled';
        const shown = { id, type, how, about, text: visitInWords(event), ackRequired: delivery.ackRequired } as const;
        view.update((now) => ({ ...now, calls: withStep(now.calls, event), rows: withShown(now.rows, shown, Date.now()) }));
      },
    },
  );
  return { client, view, note };
}
