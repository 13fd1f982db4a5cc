import {
  createSourceEventStream,
  execute as executeGraphQL,
  GraphQLError,
  NoSchemaIntrospectionCustomRule,
  parse as parseGraphQL,
  specifiedRules,
  validate,
  type DocumentNode,
  type ExecutionArgs,
  type ExecutionResult,
  type GraphQLSchema,
} from 'graphql';

import type { PullIterator } from '../delivery/pull.ts';
import { LifelineError } from '../errors.ts';
import type { ClientErrors } from './client-error.ts';
import { costRule, limits } from './limits.ts';
import { compileProjection, type Projection, type Written } from './projection.ts';
import { rootFieldRule } from './root-field-rule.ts';

/** GraphQL under our limits and with our errors: the one way through which every transport parses, validates and runs. */
export interface Engine {
  readonly schema: GraphQLSchema;
  /** @throws GraphQLError as a client may see it */
  parse(source: string): DocumentNode;
  /** Errors as a client may see them; none: the document may run. */
  validate(document: DocumentNode): readonly GraphQLError[];
  /** Errors in it are as a client may see them. Never rejects. */
  readonly execute: (args: ExecutionArgs) => Promise<ExecutionResult>;
  /** As `execute`; errors in every result of the stream too. */
  readonly subscribe: (args: ExecutionArgs) => Promise<AsyncIterableIterator<ExecutionResult> | ExecutionResult>;
  /** As `subscribe`, for a transport that makes the results itself, of one item after the other. */
  readonly open: (args: ExecutionArgs) => Promise<OpenStream | ExecutionResult>;
}

export interface OpenStream {
  readonly items: PullIterator<unknown>;
  /** `data`, of a result that has nothing else; undefined: `run` it. */
  write(item: unknown): Written | undefined;
  /** Never rejects. */
  run(item: unknown): Promise<ExecutionResult>;
}

/** Documents of valid operations, kept parsed: their text together, in characters. A syntax tree is about 100 times its text. */
const cachedCharacters = 256 * 1024;

export function createEngine({
  schema,
  errors,
  introspection,
}: {
  schema: GraphQLSchema;
  errors: ClientErrors;
  introspection: boolean;
}): Engine {
  const cache = createDocumentCache(cachedCharacters);
  const sources = new WeakMap<DocumentNode, string>();
  const valid = new WeakSet<DocumentNode>();
  const projections = new WeakMap<DocumentNode, Map<string | null, Projection | null>>();
  const rules = [...specifiedRules, rootFieldRule, ...(introspection ? [] : [NoSchemaIntrospectionCustomRule])];

  const parse = (source: string): DocumentNode => {
    const known = cache.get(source);
    if (known !== undefined) return known;
    if (Buffer.byteLength(source) > limits.documentBytes) {
      throw new LifelineError('BAD_USER_INPUT', `The document is larger than ${String(limits.documentBytes / 1024)} KiB.`);
    }
    const document = parseGraphQL(source, { maxTokens: limits.tokens });
    sources.set(document, source);
    return document;
  };

  const check = (document: DocumentNode): readonly GraphQLError[] => {
    if (valid.has(document)) return [];
    // The cost first and alone: the rules after it are quadratic in what it bounds.
    const costly = validate(schema, document, [costRule]);
    const found = costly.length > 0 ? costly : validate(schema, document, rules, { maxErrors: 10 });
    if (found.length === 0) {
      valid.add(document);
      const source = sources.get(document);
      if (source !== undefined) cache.set(source, document);
    }
    const sentences = found.map(withSentence);
    return introspection ? sentences : sentences.map(withoutSuggestions);
  };

  const run = async (args: ExecutionArgs): Promise<ExecutionResult> => {
    try {
      return errors.inResult(await executeGraphQL(args));
    } catch (error) {
      return { errors: [errors.from(error)] };
    }
  };

  /** Compiled once a document: subscribers send the same few. */
  const projectionOf = (document: DocumentNode, operationName: string | null): Projection | null => {
    const known = projections.get(document) ?? new Map<string | null, Projection | null>();
    projections.set(document, known);
    let projection = known.get(operationName);
    if (projection === undefined) {
      projection = compileProjection(schema, document, operationName);
      known.set(operationName, projection);
    }
    return projection;
  };

  const open = async (args: ExecutionArgs): Promise<OpenStream | ExecutionResult> => {
    try {
      const source = await createSourceEventStream(args);
      if (!(Symbol.asyncIterator in source)) return errors.inResult(source);
      const project = projectionOf(args.document, args.operationName ?? null);
      const items = source as PullIterator<unknown>; // what every subscription field of ours answers (resolvers/stream.ts)
      return new ProjectedStream(items, args, project, run);
    } catch (error) {
      return { errors: [errors.from(error)] };
    }
  };

  return {
    schema,
    parse(source) {
      try {
        return parse(source);
      } catch (error) {
        throw errors.from(error);
      }
    },
    validate: (document) => check(document).map((error) => errors.from(error)),
    execute: run,
    async subscribe(args) {
      const opened = await open(args);
      return 'items' in opened ? resultsOf(opened) : opened;
    },
    open,
  };
}

/** An object, and no closures: every idle subscription holds one. */
class ProjectedStream implements OpenStream {
  readonly items: PullIterator<unknown>;
  readonly #args: ExecutionArgs;
  readonly #project: Projection | null;
  readonly #run: Engine['execute'];

  constructor(items: PullIterator<unknown>, args: ExecutionArgs, project: Projection | null, run: Engine['execute']) {
    this.items = items;
    this.#args = args;
    this.#project = project;
    this.#run = run;
  }

  write(item: unknown): Written | undefined {
    return this.#project?.(item, this.#args.contextValue);
  }

  run(rootValue: unknown): Promise<ExecutionResult> {
    return this.#run({ ...this.#args, rootValue });
  }
}

/** `return` goes straight to the source, also while a result is awaited: a generator here would make it wait for one. */
function resultsOf(stream: OpenStream): AsyncIterableIterator<ExecutionResult> {
  const { items } = stream;
  return {
    async next() {
      const item = await items.next();
      return item.done === true ? { done: true, value: undefined } : { done: false, value: await stream.run(item.value) };
    },
    return() {
      items.close();
      return Promise.resolve({ done: true, value: undefined });
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

/** graphql-js compares fields that repeat, pair by pair, up to a bound of its own; beyond it all it says is that. */
function withSentence(error: GraphQLError): GraphQLError {
  if (error.message !== 'Validation aborted.') return error;
  return new GraphQLError('The document repeats the same fields too often to be checked. Select each of them once.');
}

/** With introspection off, `Did you mean …` would tell the schema name by name. */
function withoutSuggestions(error: GraphQLError): GraphQLError {
  const message = error.message.replace(/ Did you mean .*$/s, '');
  return new GraphQLError(message, {
    nodes: error.nodes ?? null,
    source: error.source ?? null,
    positions: error.positions ?? null,
  });
}

/** Least recently used first out; a Map iterates in the order of insertion. */
function createDocumentCache(capacity: number) {
  const documents = new Map<string, DocumentNode>();
  let held = 0;
  return {
    get(source: string): DocumentNode | undefined {
      const document = documents.get(source);
      if (document !== undefined) {
        documents.delete(source);
        documents.set(source, document);
      }
      return document;
    },
    set(source: string, document: DocumentNode): void {
      if (!documents.has(source)) held += source.length;
      documents.set(source, document);
      for (const oldest of documents.keys()) {
        if (held <= capacity) break;
        documents.delete(oldest);
        held -= oldest.length;
      }
    },
  };
}
