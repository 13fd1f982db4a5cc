import { type SubmitEvent, useState } from 'react';

import type { Check } from './checks.ts';
import { PlanCard } from './plan-card.tsx';
import { type Ending, endings } from './scenes.ts';
import { coverageInWords } from './words.ts';

interface Props {
  readonly check: Check | null;
  /** Asked for, and nothing heard of it yet. */
  readonly waiting: boolean;
  /** Begun and, as far as one can tell, going on. */
  readonly running: boolean;
  readonly problem: string | null;
  readonly onStart: (ending: Ending) => void;
}

export function CoveragePane({ check, waiting, running, problem, onStart }: Props) {
  const [ending, setEnding] = useState<Ending>('completed');
  const busy = waiting || running;
  const start = (event: SubmitEvent) => {
    event.preventDefault();
    if (!busy) onStart(ending);
  };
  return (
    <section className="pane" aria-labelledby="coverage-title">
      <h2 id="coverage-title">Am I covered?</h2>
      <div className="stage">
        <Answer check={waiting ? null : check} waiting={waiting} />
      </div>
      <p className="visually-hidden" role="status">
        {waiting ? 'Asking the payer.' : check === null ? '' : coverageInWords(check)}
      </p>
      <form onSubmit={start}>
        <fieldset className="choice">
          <legend>The payer</legend>
          {endings.map(({ name, label }) => (
            <label key={name}>
              <input type="radio" name="ending" value={name} checked={ending === name} onChange={() => setEnding(name)} />
              <span>{label}</span>
            </label>
          ))}
        </fieldset>
        <button type="submit" className="primary" aria-disabled={busy}>
          {busy ? 'Checking …' : 'Check coverage'}
        </button>
      </form>
      {problem === null ? null : (
        <p className="problem" role="alert">
          {problem}
        </p>
      )}
    </section>
  );
}

function Answer({ check, waiting }: { readonly check: Check | null; readonly waiting: boolean }) {
  if (waiting) return <Progress percent={0} caption="Asking the payer" />;
  if (check === null) return <p className="quiet">Ask your payer. The answer arrives as an event, by whatever way is open.</p>;
  switch (check.status) {
    case 'PROCESSING':
      return <Progress percent={check.percent ?? 0} caption="Asking the payer" />;
    case 'COMPLETED':
      return check.coverage === null ? (
        <Ending title="The check is done" text="It brought no plan." />
      ) : (
        <PlanCard coverage={check.coverage} />
      );
    case 'FAILED':
      return (
        <Ending
          title="We could not find out"
          text={`${check.failure?.message ?? 'No reason was given.'}${check.failure?.retryable === true ? ' You can try again.' : ''}`}
        />
      );
    case 'TIMED_OUT':
      return <Ending title="The payer stayed silent" text="The check ran out of time. You can try again." />;
  }
}

function Progress({ percent, caption }: { readonly percent: number; readonly caption: string }) {
  return (
    <div className="progress">
      <p className="figure">
        {percent}
        <span className="unit"> %</span>
      </p>
      <progress max={100} value={percent} aria-label={caption} />
      <p className="quiet">{caption}</p>
    </div>
  );
}

function Ending({ title, text }: { readonly title: string; readonly text: string }) {
  return (
    <div className="ending">
      <h3>{title}</h3>
      <p className="quiet">{text}</p>
    </div>
  );
}
