import { randomUUID } from 'node:crypto';

import type { Logger } from '../operations/logger.ts';
import type { Ingest } from './ingest.ts';
import type { Scene } from './scenes.ts';

/** Visitors ask for scenes; a script that asks in a loop must not fill the memory with timers. */
const scenesAtMost = 1_000;

/** Where stories are told: each scene becomes an event of the member when its time has come. */
export interface Stage {
  /** False when too much is being played already: then nothing of it is. */
  play(member: string, scenes: readonly Scene[]): boolean;
  /** What has not been told by then stays untold. */
  stop(): void;
}

export function createStage(ingest: Ingest, logger: Logger): Stage {
  const timers = new Set<NodeJS.Timeout>();

  const tell = async (member: string, { type, data }: Scene) => {
    const source = type.startsWith('rte.') ? '/services/realtime-eligibility' : '/services/video-visits';
    const time = new Date().toISOString();
    const event = { specversion: '1.0', id: randomUUID(), source, type, subject: member, time, data };
    const value = Buffer.from(JSON.stringify(event));
    const [answer] = await ingest.submit([{ value, headers: { 'content-type': 'application/cloudevents+json' } }]);
    if (answer?.ok === false) logger.error({ reason: answer.reason, detail: answer.detail }, 'the story told something invalid');
  };

  return {
    play(member, scenes) {
      if (timers.size + scenes.length > scenesAtMost) return false;
      for (const scene of scenes) {
        const timer = setTimeout(() => {
          timers.delete(timer);
          tell(member, scene).catch((error: unknown) => logger.error({ err: error }, 'the story could not go on'));
        }, scene.afterMs);
        timers.add(timer);
      }
      return true;
    },
    stop() {
      for (const timer of timers) clearTimeout(timer);
      timers.clear();
    },
  };
}
