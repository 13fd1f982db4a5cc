import type { LifelineClient } from '../../src/client/index.ts';
import { useNow, useObservable } from './hooks.ts';
import { inDuration, stateInWords, transportInWords } from './words.ts';

/** How fresh the page is: all that the library tells about itself. */
export function StatusBar({ status: source }: { readonly status: LifelineClient['status'] }) {
  const status = useObservable(source);
  const now = useNow();
  const { title, means } = stateInWords[status.state];
  const { lastEventAt, nextPollAt } = status;
  return (
    <section className="status" aria-label="Connection" data-state={status.state}>
      <p className="state">
        <span className="lamp" aria-hidden="true" />
        <strong role="status">{title}</strong>
        <span className="means">{status.reason ?? means}</span>
      </p>
      <dl>
        <Fact name="Transport" value={transportInWords(status.transport)} />
        <Fact name="Since" value={inDuration(now - status.since)} />
        <Fact name="Last event" value={lastEventAt === null ? 'none yet' : `${inDuration(now - lastEventAt)} ago`} />
        <Fact name="Next poll" value={nextPollAt === null ? 'not needed' : `in ${inDuration(nextPollAt - now)}`} />
        <Fact name="Attempt" value={status.attempt === 0 ? 'none' : String(status.attempt)} />
      </dl>
    </section>
  );
}

function Fact({ name, value }: { readonly name: string; readonly value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}
