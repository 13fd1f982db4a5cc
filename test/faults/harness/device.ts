import { WebSocket } from 'ws';

import { acknowledge, type EventNode, everything } from '../../support/graphql.ts';

/** Longer than two rounds of our own pings: a link that is dead although no one says so. */
const silentForMs = 4_000;
const pingEveryMs = 1_500;
const mostIdsPerCall = 1_000;
const askAgainMs = 500;

/** What a device does with a copy: `dies` ends the connection as a killed app does, without an acknowledgement. */
export type Reaction = 'acknowledges' | 'ignores' | 'dies';

export interface ConnectionEvents {
  onOpen(): void;
  onEvent(event: EventNode): Reaction;
  onAcknowledged(ids: readonly string[]): void;
  /** 1006 where the other end said nothing. */
  onClose(code: number): void;
}

export interface Login {
  readonly token: string;
  readonly member: string;
  readonly after: string | null;
  /** Acknowledgements that the last connection took and never answered: they are sent again. */
  readonly unanswered: readonly string[];
  readonly signal: AbortSignal;
}

/** What our own requests are answered with. */
interface Message {
  readonly type: string;
  readonly id?: string;
  readonly payload?: {
    readonly data?: {
      readonly memberEvents?: EventNode;
      readonly acknowledgeDeliveries?: { readonly acknowledged: string[]; readonly alreadyAcknowledged: string[] };
    } | null;
    readonly errors?: readonly { readonly extensions?: { readonly code?: string } }[];
  };
}

/**
 * One connection of a device, spoken by hand so that nothing retries or hides anything: subscribes behind `after`.
 * Settles at its end, with the code of the error that ended the subscription, if one did.
 */
export function connect(
  url: string,
  { token, member, after, unanswered, signal }: Login,
  events: ConnectionEvents,
): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = new WebSocket(url, 'graphql-transport-ws', { perMessageDeflate: false, handshakeTimeout: 5_000 });
    let heard = Date.now();
    let operation = 1;
    let code: string | null = null;
    const send = (message: object) => {
      if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
    };
    const closing = new Map<string, readonly string[]>();
    const again = new Set<NodeJS.Timeout>();
    const close = (ids: readonly string[]) => {
      const id = String(++operation);
      closing.set(id, ids);
      send({ id, type: 'subscribe', payload: { query: acknowledge, variables: { ids } } });
    };
    const watch = setInterval(() => {
      if (Date.now() - heard > silentForMs) socket.terminate();
      else send({ type: 'ping' });
    }, pingEveryMs);
    const leave = () => socket.terminate();
    signal.addEventListener('abort', leave, { once: true });
    socket.on('error', () => undefined); // `close` follows
    socket.on('close', (closeCode) => {
      events.onClose(closeCode);
      clearInterval(watch);
      for (const timer of again) clearTimeout(timer);
      signal.removeEventListener('abort', leave);
      resolve(code);
    });
    socket.on('open', () => send({ type: 'connection_init', payload: { token } }));
    socket.on('message', (data: Buffer) => {
      heard = Date.now();
      if (socket.readyState !== WebSocket.OPEN) return; // frames that came with the one it died of
      const { type, payload, id = '' } = JSON.parse(data.toString()) as Message;
      if (type === 'connection_ack') {
        events.onOpen();
        if (unanswered.length > 0) close(unanswered.slice(0, mostIdsPerCall));
        send({ id: '1', type: 'subscribe', payload: { query: everything, variables: { channel: `/member/${member}/**`, after } } });
      } else if (type === 'ping') send({ type: 'pong' });
      else if (type === 'next') {
        const error = payload?.errors?.[0]?.extensions?.code;
        const { memberEvents, acknowledgeDeliveries: answer } = payload?.data ?? {};
        if (memberEvents !== undefined && memberEvents !== null) {
          const reaction = events.onEvent(memberEvents);
          if (reaction === 'dies') socket.terminate();
          else if (reaction === 'acknowledges' && memberEvents.delivery.ackRequired) close([memberEvents.delivery.id]);
        } else if (answer !== undefined && answer !== null)
          events.onAcknowledged([...answer.acknowledged, ...answer.alreadyAcknowledged]);
        else if (error === 'UNAVAILABLE') {
          // Of an acknowledgement, as its `retry` says: it may have been done all the same, and then the event does not come again.
          const ids = closing.get(id);
          if (ids !== undefined) again.add(setTimeout(() => close(ids), askAgainMs));
        } else if (error !== undefined) {
          code = error;
          socket.close();
        }
      } else if (type === 'complete') {
        if (id === '1') socket.close();
        closing.delete(id);
      }
    });
  });
}
