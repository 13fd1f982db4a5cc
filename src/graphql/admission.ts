import type { IncomingMessage } from 'node:http';

import { LifelineError } from '../errors.ts';
import type { Metrics } from '../operations/metrics.ts';
import { addressOf } from './client-address.ts';

/** How many connections there may be; null: as many as come. WebSockets and event streams count alike. */
export interface AdmissionLimits {
  readonly maxConnections: number | null;
  /** From one client address: an IPv4 address, or the /64 of an IPv6 one. */
  readonly maxConnectionsPerAddress: number | null;
  /** Proxies between clients and us, each of which appends to X-Forwarded-For. */
  readonly trustedProxies: number;
}

/** Whether another long-lived connection may begin, before anything is done for it. */
export interface Admission {
  /**
   * Takes a place, given back when `connection` closes.
   *
   * @throws LifelineError UNAVAILABLE when there is no place left at all, RATE_LIMITED when there is none for this address
   */
  admit(request: IncomingMessage, connection: { once(event: 'close', listener: () => void): unknown }): void;
}

/** What a refused client is told to wait, s: long enough for a crowd to thin out, short for somebody who waits for a call. */
export const retryAfterSeconds = 5;

export function createAdmission(limits: AdmissionLimits, metrics: Metrics): Admission {
  const { maxConnections, maxConnectionsPerAddress } = limits;
  const perAddress = new Map<string, number>();
  let total = 0;

  const refuse = (reason: 'total' | 'address'): never => {
    metrics.connectionsRefused.inc({ reason });
    if (reason === 'total') throw new LifelineError('UNAVAILABLE', 'Too many connections. Try again later, or elsewhere.');
    throw new LifelineError('RATE_LIMITED', 'Too many connections from this address. Close some, or try again later.');
  };

  return {
    admit(request, connection) {
      if (maxConnections !== null && total >= maxConnections) refuse('total');
      const address = maxConnectionsPerAddress === null ? null : addressOf(request, limits.trustedProxies);
      const held = address === null ? 0 : (perAddress.get(address) ?? 0);
      if (maxConnectionsPerAddress !== null && held >= maxConnectionsPerAddress) refuse('address');
      total += 1;
      if (address !== null) perAddress.set(address, held + 1);
      connection.once('close', () => {
        total -= 1;
        if (address === null) return;
        const left = (perAddress.get(address) ?? 1) - 1;
        if (left > 0) perAddress.set(address, left);
        else perAddress.delete(address);
      });
    },
  };
}
