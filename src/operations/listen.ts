import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** @throws Error with a sentence for the operator where this process cannot listen there */
export function listen(http: Server, { host, port }: { readonly host: string; readonly port: number }): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException) => reject(new Error(explain(error, host, port), { cause: error }));
    http.once('error', onError);
    // A restart brings every client back at once: the default backlog of 511 would make the kernel drop some.
    http.listen({ host, port, backlog: 4096 }, () => {
      http.off('error', onError);
      resolve(http.address() as AddressInfo); // a TCP server that listens has one
    });
  });
}

function explain({ code, message }: NodeJS.ErrnoException, host: string, port: number): string {
  switch (code) {
    case 'EADDRINUSE':
      return `Port ${port} on ${host} is taken: end what listens there, or set PORT to another one (0 picks a free one).`;
    case 'EACCES':
      return `Port ${port} on ${host} needs rights that this process lacks: set PORT to one above 1023.`;
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `This machine has no address ${host}: set HOST to one that it has, or to 0.0.0.0 for all of them.`;
    default:
      return `Port ${port} on ${host} cannot be listened on: ${message}.`;
  }
}
