import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

import { createFrameFilter } from './resp.ts';

/** What a link does. */
export type LinkMode =
  | { readonly do: 'pass' }
  /** New connections are cut at once, old ones too. */
  | { readonly do: 'refuse' }
  /** Every connection stays open and nothing comes through: a stall that no operating system reports. */
  | { readonly do: 'blackhole' }
  /** As `refuse`, by RST. */
  | { readonly do: 'reset' }
  | { readonly do: 'slow'; readonly bytesPerSecond: number }
  /** What one end closes the other never hears of, and nothing comes through. */
  | { readonly do: 'half-open' }
  /** Loses whole Redis push messages (RESP3 `>`), a share of them; all else passes. */
  | { readonly do: 'drop-pushes'; readonly share: number; readonly random: () => number };

/** A TCP door on one link. */
export interface Proxy {
  readonly port: number;
  set(mode: LinkMode): void;
  /** Where new connections go from now on; old ones are cut, or stay where they are. */
  retarget(port: number, old?: 'cut' | 'keep'): void;
  readonly connections: number;
  stop(): Promise<void>;
}

interface Link {
  readonly inside: Socket;
  readonly outside: Socket;
  readonly filter: ReturnType<typeof createFrameFilter>;
}

/** @param redis the link speaks RESP3, so that single messages can be dropped */
export async function startProxy(
  targetPort: number,
  { port = 0, redis = false }: { port?: number; redis?: boolean } = {},
): Promise<Proxy> {
  let target = targetPort;
  let mode: LinkMode = { do: 'pass' };
  const links = new Set<Link>();
  const sockets = new Set<Socket>();
  const timers = new Set<NodeJS.Timeout>();

  const cut = ({ inside, outside }: Link, hard: boolean) => {
    for (const socket of [inside, outside]) {
      if (hard) socket.resetAndDestroy();
      else socket.destroy();
    }
  };
  const forward = (from: Socket, to: Socket, change: (chunk: Buffer) => Buffer) => {
    from.on('data', (chunk: Buffer) => {
      if (mode.do === 'blackhole' || mode.do === 'half-open') {
        from.pause();
        // A stall delays bytes or ends a connection; TCP never leaves some out of the middle.
        from.unshift(chunk);
        return;
      }
      const passed = change(chunk);
      if (passed.length === 0 || to.write(passed)) {
        if (mode.do === 'slow') rest(from, (chunk.length / mode.bytesPerSecond) * 1_000);
        return;
      }
      from.pause();
      to.once('drain', () => from.resume());
    });
    from.on('close', () => {
      if (mode.do !== 'half-open') to.end();
    });
  };
  const rest = (socket: Socket, ms: number) => {
    socket.pause();
    const timer = setTimeout(() => {
      timers.delete(timer);
      socket.resume();
    }, ms);
    timers.add(timer);
  };

  const server = createServer((inside) => {
    inside.on('error', () => undefined); // cut on purpose
    if (mode.do === 'refuse') return void inside.destroy();
    if (mode.do === 'reset') return void inside.resetAndDestroy();
    const outside = connect(target, '127.0.0.1');
    outside.on('error', () => undefined); // the server may be away on purpose
    const link: Link = {
      inside,
      outside,
      filter: createFrameFilter(() => mode.do === 'drop-pushes' && mode.random() < mode.share),
    };
    links.add(link);
    for (const socket of [inside, outside]) {
      socket.setNoDelay(true); // the network's delay is what the mode says, not the kernel's wait for more to send
      sockets.add(socket);
      socket.once('close', () => {
        sockets.delete(socket);
        links.delete(link);
      });
    }
    forward(inside, outside, (chunk) => chunk);
    forward(outside, inside, redis ? (chunk) => link.filter(chunk) : (chunk) => chunk);
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('No port was given.');

  return {
    port: address.port,
    get connections() {
      return links.size;
    },
    set(next) {
      mode = next;
      for (const link of links) {
        if (next.do === 'refuse' || next.do === 'reset') cut(link, next.do === 'reset');
        else if (next.do !== 'blackhole' && next.do !== 'half-open') {
          link.inside.resume();
          link.outside.resume();
        }
      }
    },
    retarget(next, old = 'cut') {
      target = next;
      if (old === 'cut') for (const link of links) cut(link, false);
    },
    async stop() {
      for (const timer of timers) clearTimeout(timer);
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
