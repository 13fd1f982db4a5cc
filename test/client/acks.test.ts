import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { createAcks } from '../../src/client/acks.ts';
import { platformOf } from '../../src/client/environment.ts';
import { ClientError } from '../../src/client/errors.ts';
import type { Answer, Operation } from '../../src/client/operation.ts';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

/** Acknowledgements towards a server that answers as told, one answer after the other, the last one again and again. */
function start(...answers: (Answer | Error)[]) {
  const calls: string[][] = [];
  const steps: string[] = [];
  const errors: ClientError[] = [];
  const acks = createAcks({
    platform: platformOf({ random: () => 0.5 }),
    async ask({ variables }: Operation) {
      steps.push('send');
      calls.push(variables['ids'] as string[]); // what the document takes
      const answer = answers.length > 1 ? answers.shift() : answers[0];
      if (answer instanceof Error) throw answer;
      return answer ?? ok;
    },
    save: () => steps.push('save'),
    onAnswered: () => steps.push('answered'),
    onError: (error) => errors.push(error),
  });
  return { acks, calls, steps, errors };
}
const ok: Answer = { data: { acknowledgeDeliveries: { acknowledged: [], alreadyAcknowledged: [], unknown: [] } } };
const away = new ClientError('NETWORK', 'backoff', 'away');

test('a burst is one call, within 50 ms, written down before it is sent and when it is answered', async () => {
  const { acks, calls, steps } = start(ok);
  for (const id of ['1', '2', '1', '3']) acks.add(id);
  await vi.advanceTimersByTimeAsync(49);
  expect(calls).toEqual([]);
  await vi.advanceTimersByTimeAsync(1);
  expect(calls).toEqual([['1', '2', '3']]);
  expect(steps).toEqual(['save', 'send', 'answered', 'save']);
});

test('what is not answered is sent again until it is, with what came meanwhile', async () => {
  const { acks, calls, errors } = start(away, away, ok);
  acks.add('1');
  await vi.advanceTimersByTimeAsync(60);
  acks.add('2');
  await vi.advanceTimersByTimeAsync(60_000);
  expect(calls).toEqual([['1'], ['1', '2'], ['1', '2']]);
  expect(errors).toHaveLength(2);
  expect(acks.toText()).toBe('[]');
});

test('an id that the server does not know is done with, too', async () => {
  const { acks, calls } = start({ data: { acknowledgeDeliveries: { acknowledged: [], alreadyAcknowledged: [], unknown: ['1'] } } });
  const settled = acks.addAll(['1']);
  await vi.advanceTimersByTimeAsync(60_000);
  await settled;
  expect(calls).toHaveLength(1);
});

test('what can never be taken is not sent for ever', async () => {
  const { acks, calls, errors } = start(new ClientError('BAD_USER_INPUT', 'never', 'no'));
  acks.add('1');
  await vi.advanceTimersByTimeAsync(600_000);
  expect(calls).toHaveLength(1);
  expect(errors).toMatchObject([{ retry: 'never' }]);
});

test('more than a thousand are sent in calls of a thousand', async () => {
  const { acks, calls } = start(ok);
  for (let id = 0; id < 2_500; id++) acks.add(String(id));
  await vi.advanceTimersByTimeAsync(1_000);
  expect(calls.map(({ length }) => length)).toEqual([1_000, 1_000, 500]);
});

test('what waits is bounded, and the oldest is let go', async () => {
  const { acks } = start(away);
  for (let id = 0; id < 6_000; id++) acks.add(String(id));
  const waiting = JSON.parse(acks.toText()) as string[]; // its own text
  expect([waiting.length, waiting[0]]).toEqual([5_000, '1000']);
  acks.stop();
});

test('what an earlier page could not send is sent by the next one', async () => {
  const before = start(away);
  before.acks.add('1');
  await vi.advanceTimersByTimeAsync(60);
  const kept = before.acks.toText();
  before.acks.stop();
  const after = start(ok);
  after.acks.restore(kept);
  await vi.advanceTimersByTimeAsync(60);
  expect(after.calls).toEqual([['1']]);
});

test('a way to the server that opens is used at once, however long the pause was', async () => {
  const { acks, calls } = start(away, away, away, away, away, ok);
  acks.add('1');
  while (calls.length < 5) await vi.advanceTimersByTimeAsync(500);
  acks.flush();
  await vi.advanceTimersByTimeAsync(0);
  expect(calls).toHaveLength(6);
});

test('stopped, it sends nothing more', async () => {
  const { acks, calls } = start(away);
  acks.add('1');
  await vi.advanceTimersByTimeAsync(60);
  acks.stop();
  await vi.advanceTimersByTimeAsync(600_000);
  expect(calls).toHaveLength(1);
});
