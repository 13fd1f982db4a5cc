import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** What stands between apps and a gateway, and does what networks do. */
export interface Door {
  readonly url: string;
  /** Every connection breaks, and none is let in until `open`. */
  shut(): void;
  open(): void;
  /** Leads new connections to another gateway. */
  lead(url: string): void;
  /** A router forgets the connections that there are: nothing comes through them, and nobody is told. New ones are fine. */
  forget(): void;
  /** A proxy that knows no WebSocket: whoever asks for one is hung up on. */
  refuseUpgrades(): void;
  stop(): Promise<void>;
}

export async function startDoor(gateway: string): Promise<Door> {
  let target = gateway;
  let closed = false;
  let upgrades = true;
  const links = new Set<{ readonly inside: Socket; readonly outside: Socket }>();
  const sockets = new Set<Socket>();

  const server = createServer((inside) => {
    sockets.add(inside);
    inside.on('error', () => undefined); // cut on purpose
    if (closed) return void inside.destroy();
    const outside = connect(Number(new URL(target).port), '127.0.0.1');
    sockets.add(outside);
    outside.on('error', () => undefined); // the gateway may be away on purpose
    const link = { inside, outside };
    links.add(link);
    inside.on('data', (chunk: Buffer) => {
      if (!links.has(link)) return; // forgotten
      if (!upgrades && /^upgrade: websocket/im.test(chunk.toString('latin1'))) return void inside.destroy();
      outside.write(chunk);
    });
    outside.on('data', (chunk: Buffer) => {
      if (links.has(link)) inside.write(chunk);
    });
    for (const [from, to] of [
      [inside, outside],
      [outside, inside],
    ] as const)
      from.on('close', () => {
        sockets.delete(from);
        if (links.has(link)) to.destroy();
        links.delete(link);
      });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('No port was given.');

  const cut = () => {
    for (const { inside } of links) inside.destroy();
  };
  return {
    url: `http://127.0.0.1:${address.port}/graphql`,
    shut() {
      closed = true;
      cut();
    },
    open: () => void (closed = false),
    lead: (url) => void (target = url),
    forget() {
      for (const link of links) {
        links.delete(link);
        link.outside.destroy();
      }
    },
    refuseUpgrades() {
      upgrades = false;
      cut();
    },
    async stop() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
