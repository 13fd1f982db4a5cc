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

/** Gives a place back: to be called once, when the connection is over. */
export type GiveBack = () => void;

/** Whether another long-lived connection may begin, before anything is done for it. */
export interface Admission {
  /**
   * Takes a place.
   *
   * @throws LifelineError UNAVAILABLE when there is no place left at all, RATE_LIMITED when there is none for this address
   */
  admit(request: IncomingMessage): GiveBack;
}

/** Connections of one client address, all of which hold the same `giveBack`: one for each would be much of what an idle one takes. */
interface Held {
  count: number;
  readonly giveBack: GiveBack;
}

/** What a refused client is told to wait, s: long enough for a crowd to thin out, short for somebody who waits for a call. */
export const retryAfterSeconds = 5;

export function createAdmission(limits: AdmissionLimits, metrics: Metrics): Admission {
  const { maxConnections, maxConnectionsPerAddress } = limits;
  const perAddress = new Map<string, Held>();
  let total = 0;

  const refuse = (reason: 'total' | 'address'): never => {
    metrics.connectionsRefused.inc({ reason });
    if (reason === 'total') throw new LifelineError('UNAVAILABLE', 'Too many connections. Try again later, or elsewhere.');
    throw new LifelineError('RATE_LIMITED', 'Too many connections from this address. Close some, or try again later.');
  };
  const giveBack = () => {
    total -= 1;
  };
  const open = (address: string): Held => {
    const held: Held = {
      count: 0,
      giveBack() {
        giveBack();
        held.count -= 1;
        if (held.count === 0) perAddress.delete(address);
      },
    };
    perAddress.set(address, held);
    return held;
  };

  return {
    admit(request) {
      if (maxConnections !== null && total >= maxConnections) refuse('total');
      if (maxConnectionsPerAddress === null) {
        total += 1;
        return giveBack;
      }
      const address = addressOf(request, limits.trustedProxies);
      const known = perAddress.get(address);
      if (known !== undefined && known.count >= maxConnectionsPerAddress) refuse('address');
      const held = known ?? open(address);
      total += 1;
      held.count += 1;
      return held.giveBack;
    },
  };
}
