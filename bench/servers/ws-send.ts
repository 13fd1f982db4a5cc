/** The usual thing: the event is stringified and handed to `send` of `ws`. "Bare ws" in tables. */
import { createBareServer } from './bare-ws.ts';
import { eventData } from './event.ts';
import { serve } from './server.ts';

const bare = createBareServer();

serve({
  listen: () => bare.start(),
  subscriptions: bare.subscriptions,
  close: bare.close,
  publish(stamp) {
    const text = JSON.stringify(eventData(stamp));
    for (const { socket } of bare.subscribers.of(stamp.member)) socket.send(text);
  },
});
