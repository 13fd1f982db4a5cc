import {
  GraphQLError,
  Kind,
  type ASTVisitor,
  type FragmentDefinitionNode,
  type OperationDefinitionNode,
  type SelectionSetNode,
  type ValidationContext,
} from 'graphql';

/** What one request may cost. Every one of them is answered by an error with a sentence, never by a hang-up. */
export const limits = {
  documentBytes: 16 * 1024,
  tokens: 1_000,
  depth: 10,
  aliases: 15,
  /** One WebSocket message, or one HTTP request body. */
  messageBytes: 64 * 1024,
  /** Brackets in brackets in one WebSocket message. */
  messageDepth: 500,
  operationsPerSocket: 100,
  /** What the fields of one operation may ask for together: a page is in memory as a whole, and shaped in one turn of the event loop. */
  eventsPerOperation: 2_000,
  /** Queries and mutations of one WebSocket that run at once; further ones wait. */
  answersAtOnce: 4,
} as const;

/** Validation rule: `depth` and `aliases` of each operation as it would run, with the fragments spread out. */
export function costRule(context: ValidationContext): ASTVisitor {
  const measured = new Map<FragmentDefinitionNode, Cost>();

  const costOf = ({ selections }: SelectionSetNode, open: ReadonlySet<FragmentDefinitionNode>): Cost => {
    let depth = 0;
    let aliases = 0;
    const add = (cost: Cost, levels: 0 | 1) => {
      depth = Math.max(depth, cost.depth + levels);
      aliases += cost.aliases;
    };
    for (const selection of selections) {
      if (selection.kind === Kind.FIELD) {
        if (selection.alias !== undefined) aliases += 1;
        // Introspection is deep by nature, and held by graphql-js' own MaxIntrospectionDepthRule: count it as one level here.
        const inner = selection.name.value.startsWith('__') ? undefined : selection.selectionSet;
        add(inner === undefined ? nothing : costOf(inner, open), 1);
      } else if (selection.kind === Kind.INLINE_FRAGMENT) {
        add(costOf(selection.selectionSet, open), 0);
      } else {
        const fragment = context.getFragment(selection.name.value);
        // Unknown and cyclic fragments are another rule's errors; here they only must not run for ever.
        if (fragment !== null && fragment !== undefined && !open.has(fragment)) add(fragmentCost(fragment, open), 0);
      }
    }
    return { depth, aliases };
  };
  // Once per fragment: spread out, thirty lines of fragments can stand for a billion fields.
  const fragmentCost = (fragment: FragmentDefinitionNode, open: ReadonlySet<FragmentDefinitionNode>): Cost => {
    let cost = measured.get(fragment);
    if (cost === undefined) {
      cost = costOf(fragment.selectionSet, new Set(open).add(fragment));
      measured.set(fragment, cost);
    }
    return cost;
  };

  return {
    OperationDefinition(operation) {
      const { depth, aliases } = costOf(operation.selectionSet, new Set());
      if (depth > limits.depth) {
        context.reportError(tooMuch(`The operation is ${depth} levels deep; at most ${limits.depth} are allowed.`, operation));
      }
      if (aliases > limits.aliases) {
        context.reportError(tooMuch(`The operation has ${aliases} aliases; at most ${limits.aliases} are allowed.`, operation));
      }
      return false;
    },
    FragmentDefinition: () => false,
  };
}

interface Cost {
  readonly depth: number;
  readonly aliases: number;
}

const nothing: Cost = { depth: 0, aliases: 0 };

function tooMuch(message: string, nodes: OperationDefinitionNode): GraphQLError {
  return new GraphQLError(message, { nodes });
}
