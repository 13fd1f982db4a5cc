import { describe, expect, test } from 'vitest';

import { foldVideoVisit } from '../../src/delivery/fold.ts';
import type { JsonObject } from '../../src/event/event.ts';
import { coverageResult } from '../support/entries.ts';

const call = (type: string, occurredAt: number, data: JsonObject = {}) =>
  coverageResult('m-1', `${type}-${occurredAt}`, {
    type,
    occurredAt,
    channel: '/member/m-1/video-visit/c-1',
    data: { callId: 'c-1', ...data },
  });

describe('the state of a call', () => {
  test('is unknown without events', () => expect(foldVideoVisit('c-1', [])).toBeNull());

  test('follows its events and keeps what earlier ones told', () => {
    const visit = foldVideoVisit('c-1', [
      call('call.accepted', 1, { providerName: 'Dr. Rivera' }),
      call('call.ready', 2),
      call('call.join', 3, { joinUrl: 'https://video.example/c-1' }),
    ]);
    expect(visit).toEqual({
      callId: 'c-1',
      status: 'JOINABLE',
      providerName: 'Dr. Rivera',
      joinUrl: 'https://video.example/c-1',
      endReason: null,
      updatedAt: 3,
      endedAt: null,
    });
  });

  test.each([
    ['later in the log but earlier in time', [call('call.ended', 9, { reason: 'COMPLETED' }), call('call.ready', 2)]],
    ['later in time as well', [call('call.ended', 9, { reason: 'COMPLETED' }), call('call.ready', 12)]],
  ])('ended stays ended when a call.ready comes %s', (_, events) => {
    expect(foldVideoVisit('c-1', events)).toMatchObject({ status: 'ENDED', endReason: 'COMPLETED', endedAt: 9 });
  });
});
