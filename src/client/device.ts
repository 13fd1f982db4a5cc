import type { EnvironmentSignal, Platform } from './client.ts';
import type { Connection } from './connection.ts';

/** A glance at another app is no reason to drop the connection. */
const backgroundAfterMs = 30_000;
/** A device can be wrong about having no network (a VPN that it does not know): asked this often, ms. */
const probeEveryMs = 30_000;

export interface Device {
  /** Brings the connection, which has just begun to be wanted, in line with what the device said while nobody asked. */
  settle(): void;
  wake(): void;
  stop(): void;
}

/** Makes signals of the state table of what the device says of its network and its screen. */
export function watchDevice({
  platform: { setTimeout, clearTimeout, watchEnvironment },
  connection,
  onReturn,
  onHidden,
  probe,
}: {
  readonly platform: Platform;
  readonly connection: Connection;
  /** Something may have been missed: ask once. */
  readonly onReturn: () => void;
  /** It may never run again: a page that is left or reloaded is hidden first. */
  readonly onHidden: () => void;
  /** Whether Lifeline answers, whatever the device says. Never rejects. */
  readonly probe: () => Promise<boolean>;
}): Device {
  let online = true;
  let suspended = false;
  let hideTimer: unknown;
  let probeTimer: unknown;

  const probeLater = () => {
    clearTimeout(probeTimer);
    probeTimer = setTimeout(() => void probeNow(), probeEveryMs);
  };
  const probeNow = async () => {
    if (online || connection.state !== 'offline') return;
    if (await probe()) tell('online');
    else if (!online) probeLater();
  };
  const settle = () => {
    if (!online) {
      connection.signal('offline');
      probeLater();
    }
    if (suspended) connection.signal('suspended');
  };
  const back = () => {
    clearTimeout(hideTimer);
    const rested = suspended;
    suspended = false;
    if (connection.state === 'background') {
      connection.signal('resumed');
      settle();
    } else connection.hurry();
    if (rested) onReturn();
  };
  const wake = () => {
    online = true; // who resumes an app knows better than a flag of the last network
    connection.signal('online');
    back();
    onReturn();
  };
  const tell = (signal: EnvironmentSignal) => {
    if (signal === 'offline') {
      online = false;
      settle();
    } else if (signal === 'online') {
      online = true;
      if (connection.state === 'offline') connection.signal('online');
      else connection.hurry();
    } else if (signal === 'hidden') {
      onHidden();
      clearTimeout(hideTimer);
      hideTimer = setTimeout(() => {
        suspended = true;
        connection.signal('suspended');
      }, backgroundAfterMs);
    } else if (signal === 'visible') back();
    else wake();
  };
  const unwatch = watchEnvironment(tell);
  return {
    settle,
    wake,
    stop() {
      clearTimeout(hideTimer);
      clearTimeout(probeTimer);
      unwatch();
    },
  };
}
