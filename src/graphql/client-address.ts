import type { IncomingMessage } from 'node:http';
import { isIP, isIPv4 } from 'node:net';

/**
 * The address that a request came from, as far as it can be trusted: the entry of X-Forwarded-For that the outermost of
 * `trustedProxies` proxies wrote, or the other end of the TCP connection. What stands further left was written by the client.
 * IPv6 is cut to its /64, which is what one customer is given.
 */
export function addressOf({ headers, socket }: Pick<IncomingMessage, 'headers' | 'socket'>, trustedProxies: number): string {
  const peer = socket.remoteAddress ?? '';
  const forwarded = [headers['x-forwarded-for'] ?? []].flat().flatMap((line) => line.split(','));
  const path = [...forwarded.map(withoutPort), peer];
  const named = path.at(-1 - trustedProxies) ?? path[0] ?? peer;
  return network(isIP(named) === 0 ? peer : named);
}

/** Some proxies write `1.2.3.4:5678` or `[2001:db8::1]:5678`. */
function withoutPort(entry: string): string {
  const text = entry.trim();
  return /^\[([^\]]*)\]/.exec(text)?.[1] ?? /^([\d.]+):\d+$/.exec(text)?.[1] ?? text;
}

function network(address: string): string {
  const mapped = /^::ffff:([\d.]+)$/i.exec(address)?.[1] ?? address; // IPv4 on a socket of both families
  if (isIPv4(mapped) || !mapped.includes(':')) return mapped;
  const [head = [], tail = []] = mapped.split('::', 2).map((part) => part.split(':').filter((group) => group !== ''));
  const zeros = Array.from({ length: Math.max(0, 8 - head.length - tail.length) }, () => '0');
  const groups = [...head, ...zeros, ...tail].slice(0, 4);
  return `${groups.map((group) => Number.parseInt(group, 16).toString(16)).join(':')}::/64`;
}
