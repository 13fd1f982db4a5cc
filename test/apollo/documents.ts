import fc from 'fast-check';

/** A subscription as some app might write it, and the variables it is run with. */
export interface Drawn {
  readonly document: string;
  readonly variables: Readonly<Record<string, unknown>>;
  readonly root: string;
}

const money = '{ amount }';
const leaves = {
  MemberEvent: ['type', 'channel', 'occurredAt', '__typename'],
  CoverageUpdate: ['type', 'channel', 'workflowId', 'status', 'percent', '__typename', `coverage { plan copay ${money} }`],
  VideoVisitEvent: ['type', 'channel', 'callId', 'kind', '__typename', `extension { minutes price ${money} }`],
  GenericEvent: ['type', 'payload', '__typename'],
  Delivery: ['id', 'cursor', 'sequence', 'attempt', 'replayed', 'ackRequired', 'acknowledgedAt', 'sentAt', '__typename'],
} as const;
type TypeName = keyof typeof leaves;

const conditions: Readonly<Record<TypeName, readonly TypeName[]>> = {
  MemberEvent: ['MemberEvent', 'CoverageUpdate', 'VideoVisitEvent', 'GenericEvent'],
  CoverageUpdate: ['MemberEvent', 'CoverageUpdate'],
  VideoVisitEvent: ['MemberEvent', 'VideoVisitEvent'],
  GenericEvent: ['MemberEvent', 'GenericEvent'],
  Delivery: ['Delivery'],
};
const directive = fc.oneof(
  { weight: 4, arbitrary: fc.constant('') },
  fc.constantFrom(' @include(if: $yes)', ' @skip(if: $no)', ' @skip(if: $after)', ' @include(if: false)', ' @skip(if: false)'),
);
/** Names that are fields of ours, too: an app may give them to something else. */
const aliases = fc.oneof(
  { weight: 5, arbitrary: fc.constant('') },
  fc.constantFrom(
    'mine: ',
    'type: ',
    'channel: ',
    'delivery: ',
    'id: ',
    'cursor: ',
    'ackRequired: ',
    'lifeline_type: ',
    'lifeline_delivery: ',
  ),
);

/** Selections of a type, fragments beside them. Not all of them are valid: who draws asks the validator. */
function selection(type: TypeName, depth: number): fc.Arbitrary<{ text: string; fragments: readonly string[] }> {
  const leaf = fc.tuple(aliases, fc.constantFrom(...leaves[type]), directive).map(([alias, field, condition]) => ({
    text: `${alias}${field.includes('{') ? field.replace(' {', `${condition} {`) : field + condition}`,
    fragments: [] as readonly string[],
  }));
  if (depth === 0) return leaf;
  const inner = (of: TypeName) => fc.array(selection(of, depth - 1), { minLength: 1, maxLength: 3 }).map(joined);
  const deeper = fc.constantFrom(...conditions[type]).chain((condition) =>
    fc.tuple(inner(condition), fc.boolean(), directive, fc.uuid()).map(([{ text, fragments }, named, when, id]) => {
      const name = `F${id.replaceAll('-', '')}`;
      return named
        ? { text: `...${name}${when}`, fragments: [...fragments, `fragment ${name} on ${condition} { ${text} }`] }
        : { text: `... on ${condition}${when} { ${text} }`, fragments };
    }),
  );
  if (type === 'Delivery') return fc.oneof({ weight: 3, arbitrary: leaf }, deeper);
  const delivery = fc
    .tuple(aliases, inner('Delivery'), directive)
    .map(([alias, { text, fragments }, when]) => ({ text: `${alias}delivery${when} { ${text} }`, fragments }));
  return fc.oneof({ weight: 3, arbitrary: leaf }, deeper, { weight: 2, arbitrary: delivery });
}

const joined = (parts: readonly { text: string; fragments: readonly string[] }[]) => ({
  text: parts.map(({ text }) => text).join(' '),
  fragments: parts.flatMap(({ fragments }) => fragments),
});

const roots = [
  { root: 'coverageUpdates', type: 'CoverageUpdate', call: 'accountId: $account' },
  { root: 'videoVisitEvents', type: 'VideoVisitEvent', call: 'callId: $account' },
  { root: 'memberEvents', type: 'MemberEvent', call: 'channel: "/member/m-1/**"' },
] as const;

/** Documents of Lifeline's fields, most of them valid. `$after` is a flag of the app's own in all of them. */
export const drawnDocuments: fc.Arbitrary<Drawn> = fc.constantFrom(...roots).chain(({ root, type, call }) =>
  fc
    .record({
      parts: fc.array(selection(type, 3), { minLength: 1, maxLength: 5 }).map(joined),
      alias: fc.constantFrom('', 'events: '),
      name: fc.constantFrom('', 'Watch'),
      start: fc.constantFrom('', ', after: $start', ', after: "from-here"', ', after: null'),
      around: fc.constantFrom('plain', 'inline', 'fragment'),
      yes: fc.constantFrom(true, false, undefined),
      no: fc.boolean(),
      after: fc.boolean(),
    })
    .map(({ parts, alias, name, start, around, yes, no, after }) => {
      const field = `${alias}${root}(${call}${start}) { ${parts.text} }`;
      const outer = { plain: field, inline: `... on Subscription { ${field} }`, fragment: '...Root' }[around];
      const all = [...parts.fragments, ...(around === 'fragment' ? [`fragment Root on Subscription { ${field} }`] : [])].join('\n');
      const text = `${outer}\n${all}`;
      const declared = [
        '$account: ID = "A123"',
        '$yes: Boolean! = true',
        '$no: Boolean!',
        '$after: Boolean!',
        '$start: String',
      ].map((each) => (root === 'coverageUpdates' ? each.replace('ID =', 'ID! =') : each));
      const used = declared.filter((each) => new RegExp(`\\${each.slice(0, each.indexOf(':'))}\\b`).test(text));
      return {
        document: `subscription ${name}${used.length === 0 ? '' : `(${used.join(', ')})`} { ${outer} }\n${all}`,
        variables: { ...(yes === undefined ? {} : { yes }), no, after, start: 'from-there' },
        root,
      };
    }),
);
