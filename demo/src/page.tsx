import { useState } from 'react';

import { CoveragePane } from './coverage-pane.tsx';
import { FaultPanel, FrozenNotice } from './fault-panel.tsx';
import type { Faults } from './faults.ts';
import { useNow, useObservable } from './hooks.ts';
import { askForScene } from './scenes.ts';
import { StatusBar } from './status-bar.tsx';
import { ThemeToggle } from './theme.tsx';
import { TimelineList } from './timeline-list.tsx';
import { VisitPane } from './visit-pane.tsx';
import type { Asked, View, Visitor } from './visitor.ts';

interface Props {
  readonly member: string;
  readonly account: string;
  readonly visitor: Visitor;
  readonly faults: Faults;
}

export function Page({ member, account, visitor, faults }: Props) {
  const view = useObservable(visitor.view);
  const now = useNow();
  const asked = (change: Partial<View['own']>) => visitor.view.update((view) => ({ ...view, own: { ...view.own, ...change } }));
  const check = useWish((check) => asked({ check }));
  const call = useWish((call) => asked({ call }));
  const shown = current(view, now);
  return (
    <>
      <header className="top">
        <p className="wordmark">Lifeline</p>
        <p className="quiet">
          Embedded, as member <span className="about">{member}</span>
        </p>
        <nav aria-label="More">
          <a href="/graphql">GraphiQL</a>
          <ThemeToggle />
        </nav>
      </header>
      <main>
        <h1>Every event arrives. Once.</h1>
        <StatusBar status={visitor.client.status} />
        <div className="panes">
          <CoveragePane
            check={shown.check}
            waiting={check.asking || shown.expectsCheck}
            running={shown.running}
            problem={check.problem}
            onStart={(ending) => check.ask(() => askForScene({ scene: 'check', ending }, member, account))}
          />
          <VisitPane
            call={shown.call}
            waiting={call.asking || shown.expectsCall}
            live={shown.live}
            problem={call.problem}
            onAsk={() => call.ask(() => askForScene({ scene: 'visit' }, member, account))}
          />
        </div>
        <FaultPanel faults={faults} stumbling={view.stumble} />
        <TimelineList rows={view.rows} />
      </main>
      <FrozenNotice faults={faults} />
    </>
  );
}

/** A server that was restarted meanwhile will not go on with what it had begun: then one may ask again. */
const begunAtMostMs = { asked: 20_000, check: 30_000, call: 60_000 };

/** What this tab asked for goes first; without it, the newest of the member. */
function current({ checks, calls, own }: View, now: number) {
  const ownCheck = checks.find(({ workflowId }) => workflowId === own.check?.id);
  const ownCall = calls.find(({ callId }) => callId === own.call?.id);
  const check = ownCheck ?? checks[0] ?? null;
  const call = ownCall ?? calls[0] ?? null;
  const expected = (asked: Asked | null) => asked !== null && now - asked.at < begunAtMostMs.asked;
  return {
    check,
    call,
    expectsCheck: ownCheck === undefined && expected(own.check),
    expectsCall: ownCall === undefined && expected(own.call),
    running: check?.status === 'PROCESSING' && now - check.at < begunAtMostMs.check,
    live: call !== null && call.kind !== 'ENDED' && now - call.at < begunAtMostMs.call,
  };
}

function useWish(onGranted: (asked: Asked) => void) {
  const [asking, setAsking] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const ask = (wish: () => Promise<string>) => {
    setAsking(true);
    setProblem(null);
    wish()
      .then((id) => onGranted({ id, at: Date.now() }))
      .catch((error: unknown) => setProblem(error instanceof Error ? error.message : String(error)))
      .finally(() => setAsking(false));
  };
  return { asking, problem, ask };
}
