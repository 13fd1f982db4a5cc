import { channelIdPattern } from './event.ts';
import { catalogue, domains, type EventType } from './catalogue.ts';

/** `/member/{m}/{segment}/{id}` of an event whose ids are already known to be channel-safe. */
export function channelOf(type: EventType, member: string, id: string): string {
  return `/member/${member}/${domains[catalogue[type].domain].segment}/${id}`;
}

const anything = /^[^*]+$/;

/** A channel pattern as Bayeux has it: `*` is one whole segment, `**` the rest. Always one member's. */
export interface ChannelPattern {
  readonly member: string;
  matches(channel: string): boolean;
}

/**
 * @returns the pattern, or null when it is malformed: no leading slash, an empty segment, `*` beside other characters, `**` before the
 * end, a segment that no channel can have, or nothing at all. A pattern that does not spell out a member names the wildcard, or whatever
 * stands in its place, as `member`, which no principal equals.
 */
export function parseChannelPattern(pattern: string): ChannelPattern | null {
  if (!pattern.startsWith('/')) return null;
  const segments = pattern.slice(1).split('/');
  for (const [index, segment] of segments.entries()) {
    const last = index === segments.length - 1;
    // What stands for a member is not malformed for being nobody: it is refused as another member's.
    const literal = index === 1 && segments[0] === 'member' ? anything : channelIdPattern;
    if (segment === '**' ? !last : segment !== '*' && !literal.test(segment)) return null;
  }
  const rest = segments.at(-1) === '**';
  const fixed = rest ? segments.slice(0, -1) : segments;
  return {
    member: segments[0] === 'member' ? (segments[1] ?? '') : '',
    matches(channel) {
      const parts = channel.slice(1).split('/');
      if (rest ? parts.length <= fixed.length : parts.length !== fixed.length) return false;
      return fixed.every((segment, index) => segment === '*' || segment === parts[index]);
    },
  };
}
