import { useState } from 'react';

import type { Call } from './calls.ts';
import { useNow } from './hooks.ts';
import { inDuration, inMoney, visitInWords } from './words.ts';

interface Props {
  readonly call: Call | null;
  /** Asked for, and nothing heard of it yet. */
  readonly waiting: boolean;
  /** Begun and, as far as one can tell, going on. */
  readonly live: boolean;
  readonly problem: string | null;
  readonly onAsk: () => void;
}

export function VisitPane({ call: known, waiting, live: going, problem, onAsk }: Props) {
  const [joined, setJoined] = useState<string | null>(null);
  const [answered, setAnswered] = useState<{ readonly callId: string; readonly taken: boolean } | null>(null);
  const call = waiting ? null : known;
  const live = going && call !== null;
  const inside = live && joined === call.callId;
  const offer = live && call.kind === 'EXTEND' ? call.extension : null;
  return (
    <section className="pane" aria-labelledby="visit-title">
      <h2 id="visit-title">Video visit</h2>
      <div className="stage">
        <Scene call={call} waiting={waiting} inside={inside} live={live} />
        {offer === null || !live ? null : answered?.callId === call.callId ? (
          <p className="quiet">{answered.taken ? 'You take the extra time.' : 'You leave it at the agreed time.'}</p>
        ) : (
          <Offer extension={offer} onAnswer={(taken) => setAnswered({ callId: call.callId, taken })} />
        )}
      </div>
      <p className="visually-hidden" role="status">
        {waiting ? 'Asking for a visit.' : call === null ? '' : visitInWords(call)}
      </p>
      <div className="actions">
        {live && canJoin(call) ? (
          <button type="button" className="primary" onClick={() => setJoined(inside ? null : call.callId)}>
            {inside ? 'Leave the call' : 'Join the call'}
          </button>
        ) : (
          <button
            type="button"
            className="primary"
            aria-disabled={live || waiting}
            onClick={() => (live || waiting ? undefined : onAsk())}
          >
            {waiting ? 'Asking …' : live ? 'You are next' : 'Ask for a visit'}
          </button>
        )}
      </div>
      {problem === null ? null : (
        <p className="problem" role="alert">
          {problem}
        </p>
      )}
    </section>
  );
}

const canJoin = ({ kind }: Call) => kind === 'JOIN' || kind === 'EXTEND';

function Scene({
  call,
  waiting,
  inside,
  live,
}: {
  readonly call: Call | null;
  readonly waiting: boolean;
  readonly inside: boolean;
  readonly live: boolean;
}) {
  if (waiting) return <p className="quiet">Looking for somebody who is free.</p>;
  if (call === null) return <p className="quiet">No call just now. When one rings, it rings here, once.</p>;
  const ringing = live && !inside && (call.kind === 'READY' || canJoin(call));
  return (
    <div className="call" data-ringing={ringing} data-kind={call.kind}>
      <div className="avatar" aria-hidden="true">
        <span className="ring" />
        <span className="ring" />
        <span className="face">{initials(call.providerName)}</span>
      </div>
      <h3>{call.providerName}</h3>
      <p className="quiet">{sentence(call, inside)}</p>
      <Steps kind={call.kind} />
    </div>
  );
}

const steps = [
  { kind: 'ACCEPTED', word: 'Accepted' },
  { kind: 'READY', word: 'Ready' },
  { kind: 'JOIN', word: 'Join' },
  { kind: 'EXTEND', word: 'Extend' },
  { kind: 'ENDED', word: 'Ended' },
] as const;

function Steps({ kind }: { readonly kind: Call['kind'] }) {
  const at = steps.findIndex((step) => step.kind === kind);
  return (
    <ol className="steps" aria-label="Steps of the call">
      {steps.map((step, index) => (
        <li key={step.kind} data-done={index <= at} aria-current={index === at ? 'step' : undefined}>
          {step.word}
        </li>
      ))}
    </ol>
  );
}

function Offer({
  extension: { minutes, price, offerExpiresAt },
  onAnswer,
}: {
  readonly extension: NonNullable<Call['extension']>;
  readonly onAnswer: (taken: boolean) => void;
}) {
  const left = Date.parse(offerExpiresAt) - useNow();
  if (left <= 0) return <p className="quiet">The offer of more time has run out.</p>;
  return (
    <div className="offer">
      <p>
        {minutes} more minutes for {inMoney(price)}. <span className="quiet">Offer ends in {inDuration(left)}.</span>
      </p>
      <div className="actions">
        <button type="button" onClick={() => onAnswer(true)}>
          Take it
        </button>
        <button type="button" onClick={() => onAnswer(false)}>
          No, thanks
        </button>
      </div>
    </div>
  );
}

function sentence(call: Call, inside: boolean): string {
  if (inside) return 'You are in the call.';
  switch (call.kind) {
    case 'ACCEPTED':
      return 'has taken your call. One moment.';
    case 'READY':
      return 'is ready for you. The room opens soon.';
    case 'JOIN':
    case 'EXTEND':
      return 'is calling.';
    case 'ENDED':
      return call.endReason === 'COMPLETED' || call.endReason === null
        ? 'The visit is over.'
        : `Ended: ${call.endReason.toLowerCase()}.`;
  }
}

/** `Dr. Rivera` is R, `Ana Maria Lopez` is AL. */
function initials(name: string): string {
  const words = name.split(/\s+/).filter((word) => !word.endsWith('.'));
  const picked = words.length > 1 ? [words[0], words.at(-1)] : words;
  return picked.map((word) => word?.[0]?.toUpperCase() ?? '').join('');
}
