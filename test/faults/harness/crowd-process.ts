/**
 * A crowd of lean devices in a process of its own, one member and one socket each; driven by `crowd.ts`. Each resumes with its newest cursor,
 * acknowledges what it gets, and comes back within `jitterMs` when its connection ends. Written on bare sockets: ten thousand clients of any library
 * would need more of this machine than the product.
 */
import { connect, type Socket } from 'node:net';

import { tokenFor } from '../../support/lifeline.ts';
import type { Command, Report } from './crowd.ts';
import { frame, upgradeRequest } from './raw-peer.ts';

const jitterMs = 1_000;
const query = 'subscription ($c: String!, $a: String) { memberEvents(channel: $c, after: $a) { delivery { id cursor sequence } } }';
const acknowledge = 'mutation ($i: [ID!]!) { acknowledgeDeliveries(ids: $i) { acknowledged } }';

interface Device {
  readonly member: string;
  readonly token: string;
  socket: Socket | null;
  listening: boolean;
  cursor: string | null;
  /** Of the newest event; they are dense. */
  sequence: number;
  /** Counts on, so that each connection goes to the next gateway. */
  connections: number;
}

const devices: Device[] = [];
let urls: readonly string[] = [];
let away = false;
let opened = 0;
let gaps = 0;
/** By sequence number: when each device had it, ms since the epoch. */
const reached = new Map<number, number[]>();

const message = (value: object) => frame(JSON.stringify(value));

function handle(device: Device, socket: Socket, text: string): void {
  if (text.startsWith('{"type":"connection_ack"')) {
    opened += 1;
    device.listening = true;
    const variables = { c: `/member/${device.member}/**`, a: device.cursor };
    socket.write(message({ id: '1', type: 'subscribe', payload: { query, variables } }));
    return;
  }
  const { id, type, payload } = JSON.parse(text) as {
    id?: string;
    type: string;
    payload?: { data?: { memberEvents?: { delivery: { id: string; cursor: string; sequence: number } } } };
  };
  const delivery = payload?.data?.memberEvents?.delivery;
  if (type === 'complete' && id === '1') socket.destroy();
  if (type !== 'next' || delivery === undefined) return;
  socket.write(message({ id: delivery.id, type: 'subscribe', payload: { query: acknowledge, variables: { i: [delivery.id] } } }));
  if (delivery.sequence <= device.sequence) return;
  if (delivery.sequence !== device.sequence + 1) gaps += 1;
  device.sequence = delivery.sequence;
  device.cursor = delivery.cursor;
  const times = reached.get(delivery.sequence) ?? [];
  times.push(Date.now());
  reached.set(delivery.sequence, times);
}

function open(device: Device): void {
  const url = urls[device.connections++ % urls.length];
  if (away || url === undefined) return;
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  device.socket = socket;
  socket.setNoDelay(true);
  let upgraded = false;
  let left: Buffer = Buffer.alloc(0);
  socket.on('error', () => undefined); // `close` follows
  socket.on('connect', () => socket.write(upgradeRequest()));
  socket.on('data', (chunk: Buffer) => {
    left = left.length === 0 ? chunk : Buffer.concat([left, chunk]);
    if (!upgraded) {
      const end = left.indexOf('\r\n\r\n');
      if (end < 0) return;
      if (!left.toString('latin1', 0, 12).endsWith('101')) return void socket.destroy();
      upgraded = true;
      left = left.subarray(end + 4);
      socket.write(message({ type: 'connection_init', payload: { token: device.token } }));
    }
    // Servers' frames are short and unmasked.
    for (;;) {
      const short = (left[1] ?? 0) & 0x7f;
      const start = short === 126 ? 4 : 2;
      if (left.length < start) return;
      const end = start + (short === 126 ? left.readUInt16BE(2) : short);
      if (left.length < end) return;
      const opcode = (left[0] ?? 0) & 0x0f;
      if (opcode === 1) handle(device, socket, left.toString('utf8', start, end));
      else if (opcode === 9) socket.write(frame(left.subarray(start, end), { opcode: 10 }));
      else if (opcode === 8) socket.destroy();
      left = left.subarray(end);
    }
  });
  socket.on('close', () => {
    device.socket = null;
    device.listening = false;
    if (!away) setTimeout(open, Math.random() * jitterMs, device);
  });
}

const commands: { [K in Command['do']]: (command: Extract<Command, { do: K }>) => Promise<void> | void } = {
  async begin(command) {
    ({ urls } = command);
    for (let n = command.from; n < command.to; n++) {
      const member = `s-${n}`;
      devices.push({
        member,
        token: await tokenFor(member),
        socket: null,
        listening: false,
        cursor: null,
        sequence: 0,
        connections: n,
      });
    }
    for (const device of devices) setTimeout(open, Math.random() * devices.length, device);
  },
  leave() {
    away = true;
    for (const { socket } of devices) socket?.resetAndDestroy();
  },
  return(command) {
    away = false;
    ({ urls } = command);
    for (const device of devices) setTimeout(open, Math.random() * jitterMs, device);
  },
  report() {
    const listening = devices.filter((device) => device.listening).length;
    const report: Report = { listening, opened, gaps, reached: Object.fromEntries(reached) };
    process.send?.(report);
  },
};

process.on('message', (command: Command) => {
  // The table's entry takes exactly the command of its name, which the compiler cannot see through the index.
  void (commands[command.do] as (command: Command) => Promise<void> | void)(command);
});
process.on('disconnect', () => process.exit(0));
