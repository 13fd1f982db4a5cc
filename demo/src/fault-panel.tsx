import type { FaultState, Faults } from './faults.ts';
import { useNow, useObservable } from './hooks.ts';
import { Icon, type IconName } from './icons.tsx';
import { inDuration } from './words.ts';

export function FaultPanel({ faults, stumbling }: { readonly faults: Faults; readonly stumbling: boolean }) {
  const state = useObservable(faults.state);
  return (
    <section className="faults" aria-labelledby="faults-title">
      <h2 id="faults-title">Break it</h2>
      <div className="buttons">
        <Fault
          icon="cut"
          label={state.cut ? 'Mend the socket' : 'Cut the socket'}
          on={state.cut}
          onPress={() => faults.cut(!state.cut)}
        />
        <Fault
          icon="slow"
          label={state.slow ? 'Let the network run' : 'Slow the network'}
          on={state.slow}
          onPress={() => faults.slow(!state.slow)}
        />
        <Fault icon="freeze" label="Freeze the tab" on={state.frozenUntil !== null} onPress={faults.freeze} />
        <Fault icon="expire" label="Expire the token" on={state.expiring} onPress={() => void faults.expire()} />
        <Fault icon="stumble" label="Fail the next handler" on={stumbling} onPress={faults.stumble} />
      </div>
      <p className="explanation" role="status">
        {explanation(state, stumbling)}
      </p>
    </section>
  );
}

function Fault({
  icon,
  label,
  on,
  onPress,
}: {
  readonly icon: IconName;
  readonly label: string;
  readonly on: boolean;
  readonly onPress: () => void;
}) {
  return (
    <button type="button" data-on={on} onClick={onPress}>
      <Icon name={icon} />
      {label}
    </button>
  );
}

/** What one now sees. */
function explanation({ last }: FaultState, stumbling: boolean): string {
  switch (last?.fault) {
    case undefined:
      return 'Press one and watch the line above and the timeline: events may come later or by another way, and still come once.';
    case 'cut':
      return last.on
        ? 'WebSocket and event stream break and stay broken; plain requests pass. After three failed tries the client polls. Events come later, not twice.'
        : 'It connects again and continues behind the newest event it has, so nothing is missing in between.';
    case 'slow':
      return last.on
        ? 'Every message and answer takes 2 s longer. What is acknowledged late is sent again, recognised, and dropped.'
        : 'Full speed. Acknowledgements are in time again, and the repeats end.';
    case 'freeze':
      return last.on
        ? 'For 20 s this tab sees nothing that arrives and runs no timer. The server keeps what is not acknowledged and sends it again.'
        : 'Awake: what piled up is handled in order, copies are dropped, and one query makes sure that nothing is missing.';
    case 'expire':
      return 'The server closes with 4403. The page is asked for another token, which lasts 20 s only: it is renewed on the open connection, without a gap.';
    case 'stumble':
      return stumbling
        ? 'The next event’s handler will throw. The event stays un-acknowledged, so it comes again.'
        : 'The handler threw, the event was not acknowledged: it comes again, and is shown then.';
  }
}

/** Over the page while its tab is frozen. */
export function FrozenNotice({ faults }: { readonly faults: Faults }) {
  const { frozenUntil } = useObservable(faults.state);
  const now = useNow();
  if (frozenUntil === null) return null;
  return (
    <div className="frozen">
      <Icon name="freeze" />
      <p>
        <span role="status">This tab is frozen.</span>
        {/* Seen, not heard: nobody wants to be told every second. */}
        <span className="quiet" aria-hidden="true">
          {' '}
          {inDuration(frozenUntil - now)}
        </span>
      </p>
      <button type="button" onClick={faults.wake}>
        Wake it now
      </button>
    </div>
  );
}
