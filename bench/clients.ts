/**
 * Many subscribers in one process: bare `ws` sockets that speak just enough graphql-transport-ws, acknowledge what they get, and note when it
 * came. Runs as a child of a bench script; everything it needs comes over IPC.
 */
import { WebSocket } from 'ws';

export type Command =
  | { do: 'connect'; url: string; tokens: string[]; acknowledge: boolean }
  | { do: 'expect'; count: number }
  | { do: 'report' }
  | { do: 'close' };

export interface Report {
  received: number;
  repeats: number;
  /** ms from the producer's call, as its clock had it in the payload's workflow id */
  latencies: number[];
  cpuSeconds: number;
}

const query = `subscription { memberEventsOfMine: coverageUpdates(accountId: "A1") { workflowId delivery { id attempt } } }`;
const acknowledge = `mutation ($ids: [ID!]!) { acknowledgeDeliveries(ids: $ids) { acknowledged } }`;

const sockets: WebSocket[] = [];
let received = 0;
let repeats = 0;
let expected = Number.POSITIVE_INFINITY;
let latencies: number[] = [];
const seen = new Set<string>();

const now = () => performance.timeOrigin + performance.now();

/** The bench's own messages: the fields it asked for are there, or the run is worthless anyway. */
interface Next {
  type: string;
  payload?: { data?: { memberEventsOfMine?: { workflowId: string; delivery: { id: string; attempt: number } } }; errors?: unknown };
}

function open(url: string, token: string, acks: boolean): Promise<void> {
  const socket = new WebSocket(url, 'graphql-transport-ws', { perMessageDeflate: false });
  sockets.push(socket);
  let operation = 1;
  return new Promise((resolve, reject) => {
    socket.on('error', reject);
    socket.on('open', () => socket.send(JSON.stringify({ type: 'connection_init', payload: { token } })));
    socket.on('message', (data: Buffer) => {
      const message = JSON.parse(data.toString()) as Next;
      if (message.type === 'connection_ack') {
        socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload: { query } }));
        resolve();
      } else if (message.type === 'ping') socket.send('{"type":"pong"}');
      else if (message.type === 'next') {
        if (message.payload?.errors !== undefined) throw new Error(JSON.stringify(message.payload.errors));
        const event = message.payload?.data?.memberEventsOfMine;
        if (event === undefined) return; // the answer to an acknowledgement
        const { id } = event.delivery;
        if (acks)
          socket.send(
            JSON.stringify({
              id: String(++operation),
              type: 'subscribe',
              payload: { query: acknowledge, variables: { ids: [id] } },
            }),
          );
        if (seen.has(id)) {
          repeats++;
          return;
        }
        seen.add(id);
        received++;
        latencies.push(now() - Number(event.workflowId.split('_')[1]));
        if (received >= expected) process.send?.({ did: 'received' });
      }
    });
  });
}

process.on('message', (command: Command) => {
  void (async () => {
    switch (command.do) {
      case 'connect':
        for (let start = 0; start < command.tokens.length; start += 100) {
          await Promise.all(command.tokens.slice(start, start + 100).map((token) => open(command.url, token, command.acknowledge)));
        }
        process.send?.({ did: 'connect' });
        break;
      case 'expect':
        received = 0;
        repeats = 0;
        latencies = [];
        seen.clear();
        expected = command.count;
        process.send?.({ did: 'expect' });
        break;
      case 'report': {
        const cpu = process.cpuUsage();
        process.send?.({
          did: 'report',
          report: { received, repeats, latencies, cpuSeconds: (cpu.user + cpu.system) / 1e6 } satisfies Report,
        });
        break;
      }
      case 'close':
        for (const socket of sockets) socket.terminate();
        process.disconnect();
        break;
    }
  })();
});
