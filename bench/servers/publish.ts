import notepack from 'notepack.io';

import type { Source } from './catalogue.ts';
import { eventData, eventJson, redisChannel, type Stamp } from './event.ts';

export type RedisSource = Extract<Source, `redis-${string}`>;

/** A Redis PUBLISH that makes a server of this source deliver the event. */
export function redisMessage(
  source: Exclude<RedisSource, 'redis-log'>,
  stamp: Stamp,
): readonly [channel: string, message: string | Buffer] {
  if (source === 'redis-channel') return [redisChannel(stamp.member), eventJson(stamp)];
  // What @socket.io/redis-emitter sends: who it is from, the packet, and whom it is for; type 2 is an event.
  const packet = { type: 2, data: ['event', eventData(stamp)], nsp: '/' };
  const message: Buffer = notepack.encode(['bench', packet, { rooms: [stamp.member], except: [], flags: {} }]);
  return [`socket.io#/#${stamp.member}#`, message];
}
