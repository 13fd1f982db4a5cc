import { isIP } from 'node:net';

import type { HostPort } from '../redis-url.ts';
import { openRedis, type Redis, type RedisServer } from './redis-connection.ts';

/** How long a Sentinel that went away is left alone, ms; the others are listened to meanwhile. */
const retryMs = 5_000;
/** How long a switch is held against connections that lead elsewhere, ms: the next one may go unheard. */
const heldForMs = 10_000;

export interface SentinelWatch {
  /** Whether the server at the other end was lately replaced by another one. */
  replaced(redis: Redis): boolean;
  close(): void;
}

/**
 * Tells when the Sentinels have named another primary. Without it a primary that was replaced, and still answers us, would go on being
 * written to. ioredis has a detector for this, whose connections print to stderr when a Sentinel is down, with nothing to stop them.
 */
export function watchSentinels(
  { sentinels, master, tls, sentinelUsername, sentinelPassword }: Extract<RedisServer, { kind: 'sentinel' }>,
  tlsCa: string | undefined,
  onSwitch: () => void,
): SentinelWatch {
  let named: (HostPort & { at: number }) | undefined;
  const user = {
    ...(sentinelUsername === undefined ? {} : { username: sentinelUsername }),
    ...(sentinelPassword === undefined ? {} : { password: sentinelPassword }),
  };
  const connections = sentinels.map(({ host, port }) => {
    const redis = openRedis({ kind: 'node', host, port, tls, ...user }, tlsCa, {
      enableReadyCheck: false,
      enableOfflineQueue: false,
      autoResubscribe: false,
      maxRetriesPerRequest: 0,
      retryStrategy: () => retryMs * (0.5 + Math.random() / 2),
    });
    redis.on('error', () => {}); // one Sentinel more or less
    redis.on('ready', () => void redis.subscribe('+switch-master').catch(() => redis.disconnect(true)));
    redis.on('message', (_channel: string, message: string) => {
      const [name, , , newHost = '', newPort] = message.split(' ');
      if (name !== master) return;
      named = { host: newHost, port: Number(newPort), at: performance.now() };
      onSwitch();
    });
    return redis;
  });
  return {
    replaced: (redis) => named !== undefined && performance.now() - named.at < heldForMs && !leadsTo(redis, named),
    close() {
      for (const redis of connections) redis.disconnect();
    },
  };
}

/** By the port alone where the Sentinels give names. */
function leadsTo({ stream }: Redis, { host, port }: HostPort): boolean {
  return stream.remotePort === port && (isIP(host) === 0 || stream.remoteAddress === host);
}
