import { domains, type Domain } from '../../event/catalogue.ts';
import type { Action, Principal } from '../../auth/allow.ts';
import { decide } from '../../auth/allow.ts';
import type { Delivery, DeliveryPage, Filter } from '../../delivery/delivery.ts';
import { LifelineError } from '../../errors.ts';
import { principalOf, type Context } from '../context.ts';
import type { Resolvers } from '../generated.ts';
import { limits } from '../limits.ts';

/** What a field selects from the member's events: the one description that its push path and its poll path share. */
export interface Selection {
  readonly filter: Filter;
  /** What the principal must be allowed before anything is read; asked again after a refresh. */
  readonly action: Action | null;
  readonly domains: readonly Domain[];
}

/** A page and the hint that goes with it. */
export interface Connection extends DeliveryPage {
  readonly pollAfterMs: number;
}

const largestPage = 1_000;

/** Whether the selection's action is allowed to this principal. */
export function allowed({ action }: Selection, principal: Principal): 'allow' | 'FORBIDDEN' {
  return action === null ? 'allow' : decide(principal, action);
}

/** The poll path of every field. */
export async function connection(
  context: Context,
  selection: Selection,
  {
    after,
    first,
    pendingOnly = false,
  }: { after?: string | null | undefined; first?: number | null | undefined; pendingOnly?: boolean },
): Promise<Connection> {
  const principal = principalOf(context);
  if (allowed(selection, principal) !== 'allow') throw new LifelineError('FORBIDDEN');
  const size = first ?? 100;
  if (size < 1 || size > largestPage) {
    throw new LifelineError('BAD_USER_INPUT', `\`first\` is between 1 and ${String(largestPage)}.`);
  }
  spend(context, size);
  const page = await context.delivery.page({
    principal,
    filter: selection.filter,
    after: positionOf(context, principal, after),
    first: size,
    pendingOnly,
  });
  return { ...page, pollAfterMs: Math.min(...selection.domains.map((domain) => domains[domain].pollAfterMs)) };
}

const asked = new WeakMap<Context, number>();

/** @throws LifelineError BAD_USER_INPUT when the operation's fields ask for too much together: fifteen aliases are fifteen pages */
function spend(context: Context, events: number): void {
  const total = (asked.get(context) ?? 0) + events;
  if (total > limits.eventsPerOperation) {
    const most = String(limits.eventsPerOperation);
    throw new LifelineError(
      'BAD_USER_INPUT',
      `All fields of an operation together may ask for at most ${most} events (\`first\`).`,
    );
  }
  asked.set(context, total);
}

/** @throws LifelineError BAD_USER_INPUT for a cursor that is not this member's, the empty one included */
export function positionOf(context: Context, principal: Principal, after: string | null | undefined) {
  return after === null || after === undefined ? null : context.cursors.decode(principal.member, after);
}

const nodes = {
  nodes: (page: Connection): Delivery[] => [...page.deliveries],
  pageInfo: (page: Connection) => page,
};

export const connectionResolvers = {
  CoverageUpdateConnection: nodes,
  VideoVisitEventConnection: nodes,
  MemberEventConnection: nodes,
  PageInfo: {
    endCursor: (page, _args, context) => context.cursors.encode(principalOf(context).member, page.end),
    hasNextPage: (page) => page.hasNext,
  },
} satisfies Resolvers;
