import { isIP } from 'node:net';

import type { HostPort } from '../redis-url.ts';
import { openRedis, type Redis, type RedisServer } from './redis-connection.ts';

/** How long a Sentinel that went away is left alone, ms; the others are listened to meanwhile. */
const retryMs = 5_000;

/**
 * Tells when the Sentinels have named another primary. Without it a primary that was replaced, and still answers us, would go on being
 * written to. ioredis has a detector for this, whose connections print to stderr when a Sentinel is down, with nothing to stop them.
 */
export function watchSentinels(
  { sentinels, master, tls, sentinelUsername, sentinelPassword }: Extract<RedisServer, { kind: 'sentinel' }>,
  tlsCa: string | undefined,
  onSwitch: (primary: HostPort) => void,
): { close(): void } {
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
      if (name === master) onSwitch({ host: newHost, port: Number(newPort) });
    });
    return redis;
  });
  return {
    close() {
      for (const redis of connections) redis.disconnect();
    },
  };
}

/** Whether a connection is already with the server named: every Sentinel tells of a failover, some of them late. */
export function leadsTo(redis: Redis, { host, port }: HostPort): boolean {
  const { stream } = redis;
  if (redis.status !== 'ready' || stream.remotePort !== port) return false;
  return isIP(host) === 0 || stream.remoteAddress === host;
}
