import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { parseChannelPattern } from '../../src/event/channel.ts';

describe('a channel pattern', () => {
  test.each([
    ['/member/m-1/rte/wf-1', '/member/m-1/rte/wf-1', true],
    ['/member/m-1/rte/wf-1', '/member/m-1/rte/wf-2', false],
    ['/member/m-1/rte/*', '/member/m-1/rte/wf-1', true],
    ['/member/m-1/rte/*', '/member/m-1/video-visit/c', false],
    ['/member/m-1/*/*', '/member/m-1/video-visit/c', true],
    ['/member/m-1/*', '/member/m-1/rte/wf-1', false],
    ['/member/m-1/**', '/member/m-1/rte/wf-1', true],
    ['/member/m-1/rte/**', '/member/m-1/rte/wf-1', true],
    ['/member/m-1/rte/wf-1/**', '/member/m-1/rte/wf-1', false],
    ['/member/*/rte/wf-1', '/member/m-1/rte/wf-1', true],
    ['/**', '/member/m-1/rte/wf-1', true],
  ])('%s on %s: %s', (pattern, channel, matches) => {
    expect(parseChannelPattern(pattern)?.matches(channel)).toBe(matches);
  });

  test.each([
    '',
    '/',
    'member/m-1/**',
    '/member//rte/*',
    '/member/m-1/',
    '/member/m-1/a*b',
    '/member/**/rte',
    '/member/m-1/***',
    '/member/m-1/r te/*',
    '/member/m*1/*',
    '//',
  ])('malformed %j is refused', (pattern) => {
    expect(parseChannelPattern(pattern)).toBeNull();
  });

  test.each([
    ['/member/m-1/**', 'm-1'],
    ['/member/*/**', '*'],
    ['/member/**', '**'],
    ['/**', ''],
    ['/member/m 1,m-1/**', 'm 1,m-1'],
    ['/other/m-1/**', ''],
  ])('%s names the member %j, which no principal but that one equals', (pattern, member) => {
    expect(parseChannelPattern(pattern)?.member).toBe(member);
  });

  test('of one member never matches a channel of another', () => {
    const segment = fc.constantFrom('*', '**', 'rte', 'a', 'm-2', 'member');
    fc.assert(
      fc.property(
        fc.array(segment, { maxLength: 4 }),
        fc.array(fc.constantFrom('rte', 'a', 'm-1'), { minLength: 1, maxLength: 3 }),
        (rest, others) => {
          const pattern = parseChannelPattern(`/${['member', 'm-1', ...rest].join('/')}`);
          expect(pattern?.matches(`/${['member', 'm-2', ...others].join('/')}`) ?? false).toBe(false);
        },
      ),
    );
  });
});
