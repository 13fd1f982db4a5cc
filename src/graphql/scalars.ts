import { GraphQLError, GraphQLScalarType, Kind } from 'graphql';

/** ISO 8601 text outside, milliseconds since the epoch inside. */
export const DateTime = new GraphQLScalarType<number, string>({
  name: 'DateTime',
  serialize(value) {
    if (typeof value !== 'number' || !Number.isFinite(value)) throw new TypeError('A DateTime is a finite number of milliseconds.');
    return new Date(value).toISOString();
  },
  parseValue: instant,
  parseLiteral: (node) => instant(node.kind === Kind.STRING ? node.value : undefined),
});

/** Any JSON value, as it is. */
export const JSONValue = new GraphQLScalarType({ name: 'JSON' });

function instant(value: unknown): number {
  const ms = typeof value === 'string' ? Date.parse(value) : Number.NaN;
  if (Number.isNaN(ms)) throw new GraphQLError('A DateTime is ISO 8601 text.');
  return ms;
}
