import { ClientError, errorOf } from './errors.ts';

/** A GraphQL request. */
export interface Operation {
  readonly query: string;
  readonly variables: Readonly<Record<string, unknown>>;
}

/** A GraphQL answer as it came. */
export interface Answer {
  readonly data?: Readonly<Record<string, unknown>> | null;
  readonly errors?: unknown;
}

/** What an answer must look like to count as one. */
export function isAnswer(value: unknown): value is Answer {
  return typeof value === 'object' && value !== null && ('data' in value || 'errors' in value);
}

/** @throws ClientError the answer's first error, unless the field is there all the same */
export function fieldOf(answer: Answer, field: string): unknown {
  const value = answer.data?.[field];
  if (value === undefined || (value === null && answer.errors !== undefined)) throw errorOf(answer.errors);
  return value;
}

/** Anything thrown, as an error of this library. */
export function asClientError(error: unknown): ClientError {
  if (error instanceof ClientError) return error;
  return new ClientError('NETWORK', 'backoff', 'Nobody who speaks for Lifeline answered. It is tried again.', { cause: error });
}
