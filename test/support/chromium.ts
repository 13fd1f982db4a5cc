import { execFile } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);
const places = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** Where a Chromium is; installs Debian's when this is a Debian and may be changed. Null when none can be had. */
export async function findChromium(): Promise<string | null> {
  const found = await firstThere();
  if (found !== null) return found;
  try {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    await run('apt-get', ['update'], { env, timeout: 120_000 });
    await run('apt-get', ['install', '-y', '--no-install-recommends', 'chromium'], { env, timeout: 300_000 });
  } catch {
    return null; // no apt, no rights, or no network: the caller says what is not tried for want of it
  }
  return firstThere();
}

async function firstThere(): Promise<string | null> {
  for (const place of places) {
    try {
      await access(place, constants.X_OK);
      return place;
    } catch {
      // not this one
    }
  }
  return null;
}
