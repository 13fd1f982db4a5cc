/** The best that can be had of a Node socket: one ready-made frame for everybody, past `ws`. */
import { createBareServer } from './bare-ws.ts';
import { eventJson } from './event.ts';
import { serve } from './server.ts';

const bare = createBareServer();

serve({
  listen: () => bare.start(),
  subscriptions: bare.subscriptions,
  close: bare.close,
  publish(stamp) {
    const text = eventJson(stamp); // ASCII
    const frame = String.fromCharCode(0x81, 126, text.length >> 8, text.length & 0xff) + text;
    const subscribers = bare.subscribers.of(stamp.member);
    const [only] = subscribers;
    if (subscribers.length === 1 && only !== undefined) {
      only.transport.write(frame, 'latin1');
      return;
    }
    const bytes = Buffer.from(frame, 'latin1');
    for (const { transport } of subscribers) transport.write(bytes);
  },
});
