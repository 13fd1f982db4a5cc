/**
 * How the text of a variable becomes its value.
 *
 * @throws Misread
 */
export type Reader<T> = (text: string) => T;

/** Says what is wrong and what to set; the name, and the value of what is no secret, go in front of it. */
export class Misread extends Error {
  override readonly name = 'Misread';
}

const refuse = (problem: string): never => {
  throw new Misread(problem);
};

export const text: Reader<string> = (value) => value;

export const matching =
  (pattern: RegExp, problem: string): Reader<string> =>
  (value) =>
    pattern.test(value) ? value : refuse(problem);

export const ofLength =
  (least: number, most: number, problem: string): Reader<string> =>
  (value) =>
    value.length >= least && value.length <= most ? value : refuse(problem);

export const toggle: Reader<boolean> = (value) => {
  switch (value.toLowerCase()) {
    case 'true':
    case 'on':
      return true;
    case 'false':
    case 'off':
      return false;
    default:
      return refuse('is neither on nor off: set it to true or false');
  }
};

export const choice =
  <const T extends string>(values: readonly T[]): Reader<T> =>
  (value) =>
    values.find((one) => one === value.toLowerCase()) ?? refuse(`is unknown: set it to one of ${values.join(', ')}`);

export const wholeNumber =
  (least: number, most: number): Reader<number> =>
  (value) => {
    if (!/^\d{1,9}$/.test(value)) refuse(`is not a whole number: set it to one from ${least} to ${most}`);
    const number = Number(value);
    return number >= least && number <= most
      ? number
      : refuse(`is out of range: set it to a whole number from ${least} to ${most}`);
  };

/** With commas between them, each once. */
export const list =
  (item: RegExp, problem: string): Reader<string[]> =>
  (value) => {
    const items = [...new Set(value.split(',').map((part) => part.trim()))].filter((part) => part !== '');
    return items.length > 0 && items.every((part) => item.test(part)) ? items : refuse(problem);
  };

export const address =
  (schemes: readonly string[], example: string): Reader<string> =>
  (given) => {
    const value = given.trim();
    const url = URL.parse(value);
    if (url === null || url.hostname === '') return refuse(`is not an address: set it to one like ${example}`);
    if (!schemes.includes(url.protocol))
      refuse(`has another scheme than ${schemes.join('// or ')}//: set it to one like ${example}`);
    if (url.username + url.password !== '') refuse('carries a user or password: set it without them');
    return value;
  };

/** What `parse` accepts, kept as text; `prefix` introduces its sentence where it refuses. */
export const acceptedBy =
  (parse: (value: string) => unknown, prefix = ''): Reader<string> =>
  (value) => {
    try {
      parse(value);
      return value;
    } catch (error) {
      return refuse(`${prefix}${error instanceof Error ? error.message : String(error)}`);
    }
  };
