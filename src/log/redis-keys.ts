/** Names of everything the log keeps in one Redis. All keys of one member share a hash tag, so that one script touches one Cluster slot. */
export interface Keys {
  readonly parts: number;
  readonly meta: string;
  partOf(member: string): number;
  part(part: number): string;
  due(part: number): string;
  reaper(part: number): string;
  member(member: string): string;
  latest(member: string, channel: string): string;
  /** The member's doorbell is this followed by the member id. */
  bells(part: number): string;
  bell(member: string): string;
  /** The field of a part's hash that holds its position in one Kafka partition. */
  position(topic: string, partition: number): string;
}

export function createKeys(prefix: string, parts: number): Keys {
  // Only the first pair of braces counts as a hash tag: one in the prefix would put everything into one slot.
  if (!/^[^{}\s]+$/.test(prefix)) throw new RangeError('The key prefix must be non-empty, without braces and spaces.');
  if (!Number.isInteger(parts) || parts < 1) throw new RangeError('The number of hash tags must be a positive integer.');
  const tagged = (part: number) => `${prefix}:{${part}}`;
  const partOf = (member: string) => hash(member) % parts;
  return {
    parts,
    meta: `${prefix}:meta`,
    partOf,
    part: (part) => `${tagged(part)}:part`,
    due: (part) => `${tagged(part)}:due`,
    reaper: (part) => `${tagged(part)}:reaper`,
    member: (member) => `${tagged(partOf(member))}:m:${member}`,
    latest: (member, channel) => `${tagged(partOf(member))}:latest:${channel}`,
    bells: (part) => `${tagged(part)}:bell:`,
    bell: (member) => `${tagged(partOf(member))}:bell:${member}`,
    position: (topic, partition) => `off:${topic}:${partition}`,
  };
}

/** FNV-1a, 32 bits, over UTF-16 code units: stable for ever, because it decides where a member's log is found. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  // Its low bits are its weakest: fold the high ones in.
  return (value ^ (value >>> 16)) >>> 0;
}
