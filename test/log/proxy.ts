import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** A TCP door in front of a server, which can be pointed at another one: what a failover looks like from outside. */
export async function startProxy(initial: number) {
  let target = initial;
  const sockets = new Set<Socket>();
  const track = (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {}); // cut on purpose
    socket.once('close', () => sockets.delete(socket));
  };
  const server = createServer((inside) => {
    const outside = connect(target, '127.0.0.1');
    track(inside);
    track(outside);
    inside.pipe(outside).pipe(inside);
    inside.once('close', () => outside.destroy());
    outside.once('close', () => inside.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('No port was given.');
  const cut = () => sockets.forEach((socket) => socket.destroy());
  return {
    url: `redis://127.0.0.1:${address.port}`,
    /** Cuts every connection; new ones go to the port given. */
    switchTo(port: number) {
      target = port;
      cut();
    },
    cut,
    async stop() {
      cut();
      server.close();
      await once(server, 'close');
    },
  };
}
