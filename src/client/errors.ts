/** What to do next, as the server's `extensions.retry` has it. All but `never` are done by the client itself. */
export type Retry = 'never' | 'after-refresh' | 'after-resync' | 'backoff';

/** The server's codes, and what only a client can see. */
export type ErrorCode =
  | 'UNAUTHENTICATED'
  | 'FORBIDDEN'
  | 'BAD_USER_INPUT'
  | 'RESYNC_REQUIRED'
  | 'RATE_LIMITED'
  | 'UNAVAILABLE'
  | 'INTERNAL'
  /** Nothing that speaks for Lifeline answered: no network, a captive portal, a proxy's own page. */
  | 'NETWORK'
  /** `token` threw or did not settle in time. */
  | 'TOKEN'
  /** The app's `onEvent` threw; `cause` is what it threw. The event comes again. */
  | 'HANDLER'
  | 'CLOSED';

/** Everything that goes wrong, with what to do: after `never` nothing more comes, everything else is being dealt with. */
export class ClientError extends Error {
  override readonly name = 'ClientError';
  readonly code: ErrorCode;
  readonly retry: Retry;

  constructor(code: ErrorCode, retry: Retry, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.retry = retry;
  }
}

/** `waitForCoverage` ran out of time. */
export class CoverageTimeout<State = unknown> extends Error {
  override readonly name = 'CoverageTimeout';
  readonly workflowId: string;
  /** What was known of the check last, e.g. `PROCESSING` with its percentage; null when nothing was. */
  readonly lastKnown: State | null;

  constructor(workflowId: string, timeoutMs: number, lastKnown: State | null) {
    super(`No result within ${String(timeoutMs)} ms. The check may still end: subscribe, or wait again.`);
    this.workflowId = workflowId;
    this.lastKnown = lastKnown;
  }
}

const codes: ReadonlySet<string> = new Set<ErrorCode>([
  'UNAUTHENTICATED',
  'FORBIDDEN',
  'BAD_USER_INPUT',
  'RESYNC_REQUIRED',
  'RATE_LIMITED',
  'UNAVAILABLE',
  'INTERNAL',
]);
const retries: ReadonlySet<unknown> = new Set<Retry>(['never', 'after-refresh', 'after-resync', 'backoff']);

/** The first error of a GraphQL answer. Codes of a newer server count as `INTERNAL`; what they say about `retry` is kept. */
export function errorOf(errors: unknown): ClientError {
  const first: unknown = Array.isArray(errors) ? errors[0] : errors;
  const { message, extensions } = (typeof first === 'object' && first !== null ? first : {}) as {
    message?: unknown;
    extensions?: { code?: unknown; retry?: unknown };
  }; // fields of a foreign object: each is looked at before it is used
  const code = extensions?.code;
  const retry = extensions?.retry;
  return new ClientError(
    typeof code === 'string' && codes.has(code) ? (code as ErrorCode) : 'INTERNAL', // a member of the set is one
    retries.has(retry) ? (retry as Retry) : 'backoff', // as above
    typeof message === 'string' ? message : 'The server answered with an error that it did not explain.',
  );
}
