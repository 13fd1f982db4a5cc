import { randomUUID } from 'node:crypto';

import type { EventType } from '../event/catalogue.ts';
import type { JsonObject } from '../event/event.ts';
import type { Logger } from '../operations/logger.ts';
import type { Ingest } from './ingest.ts';

/** Who the story is about. */
export const storyMember = 'demo';
export const storyAccount = 'A123';

const checkEveryMs = 15_000;
const visitEveryMs = 60_000;

interface Scene {
  readonly afterMs: number;
  readonly type: EventType;
  readonly data: JsonObject;
}

const money = (amount: string) => ({ amount, currency: 'USD' });

function check(round: number): readonly Scene[] {
  const ids = { workflowId: `wf-${round + 1}`, accountId: storyAccount };
  const coverage = {
    id: `cov-${round + 1}`,
    active: true,
    payer: 'Example Health',
    plan: 'PPO Gold 1500',
    effectiveFrom: `${new Date().getUTCFullYear()}-01-01`,
    effectiveTo: null,
    copay: money('25.00'),
    deductible: { total: money('1500.00'), remaining: money('312.50') },
    outOfPocketMaximum: { total: money('6000.00'), remaining: money('4810.00') },
  };
  // Most checks succeed; a payer that fails and one that never answers belong to the story as well.
  const endings: readonly Omit<Scene, 'afterMs'>[] = [
    { type: 'rte.completed', data: { ...ids, coverage } },
    { type: 'rte.completed', data: { ...ids, coverage } },
    {
      type: 'rte.failed',
      data: { ...ids, failure: { code: 'PAYER_UNAVAILABLE', message: 'The payer did not answer.', retryable: true } },
    },
    { type: 'rte.completed', data: { ...ids, coverage } },
    { type: 'rte.timeout', data: { ...ids, timeoutMs: 60_000 } },
  ];
  const ending = endings[round % endings.length] ?? { type: 'rte.completed', data: { ...ids, coverage } };
  return [
    { afterMs: 0, type: 'rte.progress', data: { ...ids, percent: 20 } },
    { afterMs: 1_500, type: 'rte.progress', data: { ...ids, percent: 70 } },
    { afterMs: 3_000, ...ending },
  ];
}

function visit(round: number): readonly Scene[] {
  const callId = `call-${round + 1}`;
  const providerName = 'Dr. Rivera';
  return [
    { afterMs: 5_000, type: 'call.accepted', data: { callId, providerName } },
    { afterMs: 12_000, type: 'call.ready', data: { callId, appointmentId: `appt-${round + 1}`, providerName } },
    { afterMs: 18_000, type: 'call.join', data: { callId, providerName, joinUrl: `https://video.example/${callId}` } },
    {
      afterMs: 35_000,
      type: 'call.extend',
      data: { callId, minutes: 15, price: money('40.00'), offerExpiresAt: new Date(Date.now() + 60_000).toISOString() },
    },
    { afterMs: 50_000, type: 'call.ended', data: { callId, reason: 'COMPLETED', durationSeconds: 32 } },
  ];
}

/** Tells the story of member `demo` until stopped: an eligibility check every 15 s, a video visit every minute, the first at once. */
export function tellStory(ingest: Ingest, logger: Logger): { stop(): void } {
  const timers = new Set<NodeJS.Timeout>();

  const play = async ({ type, data }: Scene) => {
    const source = type.startsWith('rte.') ? '/services/realtime-eligibility' : '/services/video-visits';
    const event = {
      specversion: '1.0',
      id: randomUUID(),
      source,
      type,
      subject: storyMember,
      time: new Date().toISOString(),
      data,
    };
    const value = Buffer.from(JSON.stringify(event));
    const [answer] = await ingest.submit([{ value, headers: { 'content-type': 'application/cloudevents+json' } }]);
    if (answer?.ok === false) logger.error({ reason: answer.reason, detail: answer.detail }, 'the story told something invalid');
  };
  const schedule = (scene: Scene) => {
    const timer = setTimeout(() => {
      timers.delete(timer);
      play(scene).catch((error: unknown) => logger.error({ err: error }, 'the story could not go on'));
    }, scene.afterMs);
    timers.add(timer);
  };
  const repeat = (everyMs: number, scenes: (round: number) => readonly Scene[]) => {
    let round = 0;
    const begin = () => scenes(round++).forEach(schedule);
    begin();
    timers.add(setInterval(begin, everyMs));
  };
  repeat(checkEveryMs, check);
  repeat(visitEveryMs, visit);

  return {
    stop() {
      for (const timer of timers) clearTimeout(timer); // Node clears intervals by it as well
      timers.clear();
    },
  };
}
