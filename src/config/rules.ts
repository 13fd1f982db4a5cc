import type { Present, Role, Settings } from './settings.ts';
import type { VariableName } from './variables.ts';

export const defaultTopics: readonly string[] = ['rte-completion', 'call-notifications'];
export const defaultDeadLetterTopic = 'lifeline-dead-letters';

const tokenKeys = ['JWT_JWKS_URL', 'JWT_PUBLIC_KEY', 'JWT_SECRET'] as const satisfies readonly VariableName[];
const sasl = ['KAFKA_SASL_MECHANISM', 'KAFKA_SASL_USERNAME', 'KAFKA_SASL_PASSWORD'] as const satisfies readonly VariableName[];

/** What the role needs and nobody gave: a problem each. */
export function missing(role: Role, embedded: boolean, present: Present): string[] {
  if (embedded) return [];
  const problems: string[] = [];
  const lacks = (name: VariableName) => present[name] === undefined;
  if (lacks('REDIS_URL')) {
    const embeddedToo =
      role === 'all' ? '; without KAFKA_BROKERS too, everything runs embedded' : '; only the role all runs without (embedded)';
    problems.push(`REDIS_URL is not set and the role ${role} needs it: set it to redis://host:6379${embeddedToo}`);
  }
  if (role !== 'serve' && lacks('KAFKA_BROKERS')) {
    problems.push(`KAFKA_BROKERS is not set and the role ${role} needs it: set it to host:9092, with commas between several`);
  }
  if (role === 'bridge') return problems;
  if (tokenKeys.every(lacks)) {
    problems.push(`${tokenKeys.join(', ')} are all not set and the role ${role} needs one: set the one that fits your issuer`);
  }
  if (lacks('CURSOR_SECRET')) {
    problems.push(
      `CURSOR_SECRET is not set and the role ${role} needs it: set it to at least 32 random characters, the same for all gateways (openssl rand -base64 32)`,
    );
  }
  return problems;
}

/** Variables that are fine alone and wrong together: a problem each. */
export function contradictions(present: Present, settings: Settings): string[] {
  const problems: string[] = [];
  const keys = tokenKeys.filter((name) => present[name] !== undefined);
  if (keys.length > 1) problems.push(`${keys.join(', ')} are set together and one must decide: unset all but one`);

  const given = sasl.filter((name) => present[name] !== undefined);
  if (given.length > 0 && given.length < sasl.length) {
    const absent = sasl.filter((name) => present[name] === undefined);
    problems.push(
      `SASL needs all three of its variables and lacks ${absent.join(', ')}: set what is missing, or unset ${given.join(', ')}`,
    );
  }
  if (present.KAFKA_SSL_CA !== undefined && settings.KAFKA_SSL !== true && !brokenSsl(present, settings)) {
    problems.push('KAFKA_SSL_CA is set although KAFKA_SSL is not on: set KAFKA_SSL=true or unset KAFKA_SSL_CA');
  }
  if (present.REDIS_TLS_CA !== undefined && settings.REDIS_URL !== undefined && !/^rediss[:+]/i.test(settings.REDIS_URL)) {
    problems.push(
      'REDIS_TLS_CA is set although REDIS_URL is not a rediss:// address: set a rediss:// address or unset REDIS_TLS_CA',
    );
  }
  const deadLetters = settings.KAFKA_DEAD_LETTER_TOPIC ?? defaultDeadLetterTopic;
  if ((settings.KAFKA_TOPICS ?? defaultTopics).includes(deadLetters)) {
    // A dead letter that is read again is refused again: it would go round for ever.
    problems.push(`KAFKA_TOPICS names the dead-letter topic ${deadLetters}: take it out, or set another KAFKA_DEAD_LETTER_TOPIC`);
  }
  return problems;
}

/** What lets us start and is probably not meant: a sentence each, free of secrets. */
export function doubts(embedded: boolean, present: Present): string[] {
  const sentences: string[] = [];
  const idle = (Object.keys(present) as VariableName[]).filter((name) => /^(KAFKA|REDIS)_/.test(name)); // Object.keys loses the literal keys
  if (embedded && idle.length > 0) {
    sentences.push(`${idle.join(', ')} have no effect: with neither REDIS_URL nor KAFKA_BROKERS set, everything runs embedded`);
  }
  const foreign = (['JWT_JWKS_URL', 'JWT_PUBLIC_KEY'] as const).find((name) => present[name] !== undefined);
  if (embedded && foreign !== undefined) {
    sentences.push(
      `${foreign} is set, so the tokens that the embedded mode hands out (in GraphiQL, at /dev/token) do not hold: bring one that your issuer signed`,
    );
  }
  if (present.JWT_SECRET !== undefined && Buffer.byteLength(present.JWT_SECRET) < 32) {
    sentences.push('JWT_SECRET is shorter than 32 bytes, which HS256 asks for: a short secret can be guessed from one token');
  }
  return sentences;
}

/** KAFKA_SSL is set and unreadable: that is one problem, not two. */
function brokenSsl(present: Present, settings: Settings): boolean {
  return present.KAFKA_SSL !== undefined && settings.KAFKA_SSL === undefined;
}
