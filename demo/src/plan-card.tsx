import type { Check } from './checks.ts';
import { inDate, inMoney } from './words.ts';

type Coverage = NonNullable<Check['coverage']>;
type Benefit = NonNullable<Coverage['deductible']>;

export function PlanCard({ coverage }: { readonly coverage: Coverage }) {
  const { active, plan, payer, copay, deductible, outOfPocketMaximum, effectiveFrom } = coverage;
  return (
    <article className="plan">
      <p className="eyebrow">{active ? 'You are covered' : 'Not covered at present'}</p>
      <h3>{plan}</h3>
      <p className="quiet">
        {payer}
        {effectiveFrom === null ? '' : `, since ${inDate(effectiveFrom)}`}
      </p>
      <dl>
        {copay === null ? null : (
          <div>
            <dt>Copay</dt>
            <dd>{inMoney(copay)} a visit</dd>
          </div>
        )}
        {deductible === null ? null : <Left name="Deductible" benefit={deductible} />}
        {outOfPocketMaximum === null ? null : <Left name="Out-of-pocket maximum" benefit={outOfPocketMaximum} />}
      </dl>
    </article>
  );
}

/** The bar is a drawing of the two sums beside it, which is why nobody has to hear it. Rounding is fine for a drawing. */
function Left({ name, benefit: { total, remaining } }: { readonly name: string; readonly benefit: Benefit }) {
  const used = Number(total.amount) - Number(remaining.amount);
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        {inMoney(remaining)} of {inMoney(total)} left
        <progress aria-hidden="true" max={Number(total.amount)} value={used} />
      </dd>
    </div>
  );
}
