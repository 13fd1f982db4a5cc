import { randomUUID } from 'node:crypto';

import { GraphQLError, type ExecutionResult } from 'graphql';

import { errorTable, LifelineError, type ErrorCode } from '../errors.ts';
import type { Logger } from '../operations/logger.ts';
import type { Metrics } from '../operations/metrics.ts';

/** Makes of any failure the error that a client may see: `extensions` is `{code, retry}`, and `id` for INTERNAL, nothing else. */
export interface ClientErrors {
  readonly from: (error: unknown) => GraphQLError;
  /** The same for every error of a result; also drops the result's own extensions, which nobody here fills for clients. */
  inResult(result: ExecutionResult): ExecutionResult;
}

export function createClientErrors({ logger, metrics }: { logger: Logger; metrics: Metrics }): ClientErrors {
  // A failure can pass two layers that both shape it; the second must not count or mask it again.
  const shaped = new WeakSet<GraphQLError>();

  const from = (error: unknown): GraphQLError => {
    if (error instanceof GraphQLError && shaped.has(error)) return error;
    const located = error instanceof GraphQLError ? error : null;
    const cause = causeOf(error);
    const code = codeOf(cause, located);
    metrics.operationErrors.inc({ code });
    const id = code === 'INTERNAL' ? report(cause, logger) : undefined;
    // Of graphql-js the outermost sentence: it names the variable, what is in it only says what is wrong with a value.
    const speaker = cause instanceof GraphQLError ? located : cause;
    const message = code === 'INTERNAL' || !(speaker instanceof Error) ? errorTable[code].message : speaker.message;
    const answer = new GraphQLError(message, {
      nodes: located?.nodes ?? null,
      source: located?.source ?? null,
      positions: located?.positions ?? null,
      path: located?.path ?? null,
      extensions: { code, retry: errorTable[code].retry, ...(id === undefined ? {} : { id }) },
    });
    shaped.add(answer);
    return answer;
  };

  return {
    from,
    inResult: ({ data, errors }) => ({
      ...(errors === undefined ? {} : { errors: errors.map(from) }),
      ...(data === undefined ? {} : { data }),
    }),
  };
}

/** What was thrown, without the locations that graphql-js wraps around it. */
function causeOf(error: unknown): unknown {
  return error instanceof GraphQLError && error.originalError !== undefined ? causeOf(error.originalError) : error;
}

function codeOf(cause: unknown, located: GraphQLError | null): ErrorCode {
  if (cause instanceof LifelineError) return cause.code;
  // graphql-js speaks about the request before it runs (syntax, validation, variables: no path). With a path it speaks about a value
  // of ours that does not fit the schema, and quotes it: that is for nobody's eyes.
  return cause instanceof GraphQLError && located?.path === undefined ? 'BAD_USER_INPUT' : 'INTERNAL';
}

function report(cause: unknown, logger: Logger): string {
  const id = randomUUID();
  // Name and place, never the message: messages of libraries quote the values they choke on, and those can be payloads.
  const { name, stack } = cause instanceof Error ? cause : { name: typeof cause, stack: undefined };
  const frames = stack?.split('\n').filter((line) => line.startsWith('    at '));
  logger.error({ id, error: name, at: frames?.map((line) => line.trim()) }, 'An operation failed for a reason of our own');
  return id;
}
