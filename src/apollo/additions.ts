import { type FieldNode, Kind, type SelectionSetNode } from 'graphql';

import { answerName, askedFields, fieldsOf, type Fragments, type Variables } from './selection.ts';

/** What the library must know of every event, whatever the app asks for. */
const wanted = {
  __typename: [],
  type: [],
  channel: [],
  delivery: ['id', 'cursor', 'sequence', 'attempt', 'replayed', 'ackRequired', 'acknowledgedAt'],
} as const satisfies Record<string, readonly string[]>;

type Wanted = keyof typeof wanted;
const names = Object.keys(wanted) as Wanted[]; // its keys

type Answered = Readonly<Record<string, unknown>>;

export interface Additions {
  /** To be put behind what the app selects of an event. */
  readonly fields: readonly FieldNode[];
  /** Reads an event's fields that were added, wherever they stand. */
  reader(event: Answered): (name: Wanted) => unknown;
  /** The event without anything that only the library asked for. */
  remove(event: Answered, variables: Variables): Answered;
}

const field = (name: string, alias: string, parts: readonly string[]): FieldNode => ({
  kind: Kind.FIELD,
  name: { kind: Kind.NAME, value: name },
  ...(alias === name ? {} : { alias: { kind: Kind.NAME, value: alias } }),
  ...(parts.length === 0
    ? {}
    : { selectionSet: { kind: Kind.SELECTION_SET, selections: parts.map((part) => field(part, part, [])) } }),
});

/**
 * What to add to a selection of event fields. Under their own names, where they merge with what the app asks for itself; under a name
 * that nobody uses where the app's selection has given theirs to something else.
 */
export function additionsTo(set: SelectionSetNode, fragments: Fragments): Additions {
  const selected = fieldsOf(set, fragments);
  const taken = new Set(selected.map(answerName));
  const under = new Map<Wanted, string>();
  for (const name of names) {
    const alias = mergeable(name, selected, fragments) ? name : freeName(name, taken);
    taken.add(alias);
    under.set(name, alias);
  }
  const aliasOf = (name: Wanted) => under.get(name) ?? name;

  return {
    fields: names.map((name) => field(name, aliasOf(name), wanted[name])),
    reader: (event) => (name) => event[aliasOf(name)],
    remove(event, variables) {
      const type = event[aliasOf('__typename')];
      // The interface, too: each event is one.
      const asked = askedFields([set], fragments, variables, ['MemberEvent', ...(typeof type === 'string' ? [type] : [])]);
      const kept: Record<string, unknown> = { ...event };
      for (const name of names) {
        const nodes = asked.filter((node) => answerName(node) === name);
        if (aliasOf(name) !== name) delete kept[aliasOf(name)];
        else if (nodes.length === 0) delete kept[name];
        else if (name === 'delivery') {
          const sets = nodes.flatMap(({ selectionSet }) => (selectionSet === undefined ? [] : [selectionSet]));
          const parts = new Set(askedFields(sets, fragments, variables, ['Delivery']).map(answerName));
          const delivery = Object.entries(kept[name] as Answered); // an object, by the schema
          kept[name] = Object.fromEntries(delivery.filter(([part]) => parts.has(part)));
        }
      }
      return kept;
    },
  };
}

/** Whether a field of this name, with our parts, can stand beside what is selected: by GraphQL's rule, the same name means the same field. */
function mergeable(name: Wanted, selected: readonly FieldNode[], fragments: Fragments): boolean {
  const same = selected.filter((node) => answerName(node) === name);
  const parts: readonly string[] = wanted[name];
  const theirs = same.flatMap(({ selectionSet }) => (selectionSet === undefined ? [] : fieldsOf(selectionSet, fragments)));
  return (
    same.every((node) => node.name.value === name) &&
    theirs.every((part) => !parts.includes(answerName(part)) || part.name.value === answerName(part))
  );
}

function freeName(name: string, taken: ReadonlySet<string>): string {
  let free = `lifeline_${name.replace(/^_+/, '')}`;
  while (taken.has(free)) free += '_';
  return free;
}
