import type { IncomingMessage, ServerResponse } from 'node:http';

import { useCSRFPrevention } from '@graphql-yoga/plugin-csrf-prevention';
import { GraphQLError, getOperationAST, OperationTypeNode } from 'graphql';
import { createYoga, isAsyncIterable, type Plugin } from 'graphql-yoga';

import { errorTable, LifelineError, type ErrorCode } from '../errors.ts';
import type { ClientErrors } from './client-error.ts';
import type { Context } from './context.ts';
import type { Engine } from './engine.ts';
import type { OperationNeeds } from './http-operations.ts';
import { limits } from './limits.ts';
import { asksOnlyForSchema } from './operation.ts';

export interface YogaParts {
  readonly engine: Engine;
  readonly errors: ClientErrors;
  /** Without `token` the operation asks for nothing but the schema: `session` is null then. */
  readonly contextOf: (request: IncomingMessage, response: ServerResponse, needs: OperationNeeds) => Promise<Context>;
}

interface NodeHttp {
  req: IncomingMessage;
  res: ServerResponse;
}

/** Headers that a browser sends across origins only after asking the server: a request with one of them is no forgery. */
const preflighted = ['authorization', 'x-graphql-yoga-csrf', 'apollo-require-preflight', 'x-apollo-operation-name'];

/** GraphQL over HTTP and Server-Sent Events, at whatever path the request has. */
export function createYogaHandler({ engine, errors, contextOf }: YogaParts) {
  const yoga = createYoga<NodeHttp>({
    schema: engine.schema,
    logging: false,
    maskedErrors: false, // `shapeErrors` does it, for every kind of failure in one place
    parserAndValidationCache: false, // the engine has one, bounded by size
    graphiql: false,
    landingPage: false,
    cors: false,
    batching: false,
    multipart: false,
    maxRequestBodySize: limits.messageBytes,
    context: async ({ req, res, request, params }) => {
      const document = engine.parse(params.query ?? '');
      // Before anything is subscribed: Yoga would refuse the stream only after it was open, and leave it open.
      const operation = getOperationAST(document, params.operationName)?.operation;
      if (operation === OperationTypeNode.SUBSCRIPTION && !acceptsStream(request)) throw notAcceptable();
      return contextOf(req, res, {
        token: !asksOnlyForSchema(document, params.operationName),
        stream: operation === OperationTypeNode.SUBSCRIPTION,
      });
    },
    plugins: [
      useCSRFPrevention({ requestHeaders: preflighted }),
      refuseBadParameters,
      useEngine(engine),
      shapeErrors(errors),
      speak(errors),
    ],
  });
  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    await yoga(request, response);
  };
}

/** Yoga lets the SyntaxError out with which `JSON.parse` refuses what a URL or a form has as `variables`: it would pass for a failure of our own. */
const refuseBadParameters: Plugin = {
  onRequestParse({ requestParser, setRequestParser }) {
    if (requestParser === undefined) return;
    setRequestParser(async (request) => {
      try {
        return await requestParser(request);
      } catch (error) {
        if (!(error instanceof SyntaxError)) throw error;
        throw new LifelineError(
          'BAD_USER_INPUT',
          'The parameters "variables" and "extensions" are JSON objects, where they are there.',
        );
      }
    });
  },
};

function useEngine(engine: Engine): Plugin {
  return {
    onParse: ({ setParseFn }) => setParseFn((source: string) => engine.parse(source)),
    onValidate({ setValidationFn }) {
      setValidationFn((_schema, document) => [...engine.validate(document)]);
    },
    onExecute: ({ setExecuteFn }) => setExecuteFn(engine.execute),
    onSubscribe: ({ setSubscribeFn }) => setSubscribeFn(engine.subscribe),
  };
}

/**
 * Gives a failure of the whole request its status. One that is not about the document is answered as JSON whatever the client
 * accepts: an event stream is no place to be told that there is none.
 */
function shapeErrors(errors: ClientErrors): Plugin {
  return {
    onResultProcess(hook) {
      const { result } = hook;
      if (isAsyncIterable(result) || Array.isArray(result) || result.errors === undefined) return;
      const shaped = result.errors.map((error) => {
        const answer = errors.from(error);
        return answer.path === undefined ? withHttp(answer, httpOf(error, answer)) : answer;
      });
      hook.setResult({ ...result, errors: shaped });
      const refusal = shaped
        .map(({ extensions }) => extensions['http'] as HttpPart | undefined)
        .find((http) => http?.spec === false);
      if (refusal !== undefined && !('data' in result)) {
        hook.setResultProcessor((failed, { Response }) => {
          const body = JSON.stringify(failed, (key, value: unknown) => (key === 'http' ? undefined : value));
          return new Response(body, {
            status: refusal.status,
            headers: { 'content-type': 'application/json; charset=utf-8', ...refusal.headers },
          });
        }, 'application/json');
      }
    },
  };
}

/** Yoga refuses media types without a word. */
const refusedMedia: Readonly<Record<number, string>> = {
  406: 'Results come as application/json, application/graphql-response+json or text/event-stream: accept one of them.',
  415: 'Send the operation as application/json.',
};

function speak(errors: ClientErrors): Plugin {
  return {
    onResponse(hook) {
      const { response, fetchAPI } = hook;
      const sentence = refusedMedia[response.status];
      if (sentence === undefined || response.body !== null) return;
      const { message, extensions } = errors.from(new LifelineError('BAD_USER_INPUT', sentence));
      hook.setResponse(fetchAPI.Response.json({ errors: [{ message, extensions }] }, { status: response.status }));
    },
  };
}

/** Yoga's `extensions.http`, which it strips before it answers. `spec`: 200 for clients that accept only application/json. */
interface HttpPart {
  readonly status: number;
  readonly spec: boolean;
  readonly headers: Record<string, string>;
}

function httpOf(error: unknown, answer: GraphQLError): HttpPart {
  const code = answer.extensions['code'] as ErrorCode; // every error of `errors.from` carries one of the table
  const given: Partial<HttpPart> | undefined = error instanceof GraphQLError ? error.extensions['http'] : undefined;
  return {
    status: given?.status ?? errorTable[code].http,
    spec: given?.spec ?? (given?.status === undefined && code === 'BAD_USER_INPUT'),
    headers: given?.headers ?? {},
  };
}

function withHttp({ message, nodes, source, positions, extensions }: GraphQLError, http: HttpPart): GraphQLError {
  return new GraphQLError(http.status === 403 && extensions['code'] === 'BAD_USER_INPUT' ? csrfSentence : message, {
    nodes: nodes ?? null,
    source: source ?? null,
    positions: positions ?? null,
    extensions: { ...extensions, http },
  });
}

/** Yoga's own says only that "required CSRF header(s)" are missing. */
const csrfSentence =
  'A page of another site could have sent this request. Send Content-Type: application/json, or an Authorization header.';

function acceptsStream(request: Request): boolean {
  const accepted = request.headers.get('accept') ?? '*/*';
  return /text\/(?:event-stream|\*)|\*\/\*/i.test(accepted);
}

function notAcceptable(): GraphQLError {
  return new GraphQLError('Subscriptions are answered as text/event-stream: accept that, or use a WebSocket.', {
    extensions: { http: { status: 406, spec: false } },
  });
}
