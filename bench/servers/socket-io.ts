/** Socket.IO with the adapter in memory: one room a member. */
import { eventData } from './event.ts';
import { serve } from './server.ts';
import { createSocketIo } from './socket-io-server.ts';

const { io, start, subscriptions, close } = createSocketIo();

serve({
  listen: start,
  subscriptions,
  publish: (stamp) => void io.to(stamp.member).emit('event', eventData(stamp)),
  close,
});
