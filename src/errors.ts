/**
 * Every error a client can see: one table. `retry` travels in `extensions.retry` and says what to do next; `http` is the status
 * of a whole-request failure (per-operation errors answer 200 as GraphQL does).
 */
export const errorTable = {
  UNAUTHENTICATED: { retry: 'after-refresh', http: 401, message: 'No valid token. Get a fresh one, then try again.' },
  FORBIDDEN: { retry: 'never', http: 403, message: 'This token may not see that.' },
  BAD_USER_INPUT: { retry: 'never', http: 400, message: 'The request is not valid. Change it before trying again.' },
  RESYNC_REQUIRED: {
    retry: 'after-resync',
    http: 409,
    message:
      'The log this cursor belongs to is gone. Run the query of the same name without `after`, then subscribe with its endCursor.',
  },
  RATE_LIMITED: { retry: 'backoff', http: 429, message: 'Too much at once. Wait a little longer before each further try.' },
  UNAVAILABLE: {
    retry: 'backoff',
    http: 503,
    message: 'The service cannot answer just now. Try again with back-off; nothing is lost.',
  },
  INTERNAL: {
    retry: 'backoff',
    http: 500,
    message: 'Something went wrong on our side. Try again with back-off; quote the id if it stays.',
  },
} as const satisfies Record<string, { retry: Retry; http: number; message: string }>;

export type Retry = 'never' | 'after-refresh' | 'after-resync' | 'backoff';
export type ErrorCode = keyof typeof errorTable;

/** The only error whose sentence reaches a client; everything else is masked as INTERNAL. */
export class LifelineError extends Error {
  override readonly name = 'LifelineError';
  readonly code: ErrorCode;

  /** @param message what happened and what to do, free of payloads, tokens and ids; the table's sentence when left out */
  constructor(code: ErrorCode, message: string = errorTable[code].message, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }

  get retry(): Retry {
    return errorTable[this.code].retry;
  }
}
