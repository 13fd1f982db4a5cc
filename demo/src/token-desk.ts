import type { Network } from './network.ts';

/** Where the page gets tokens: the embedded server hands them to anybody. */
export interface TokenDesk {
  readonly issue: () => Promise<string>;
  /** The token in use is one that has run out, from now on until the library asks for another. */
  expire(): Promise<void>;
}

/** After a token that ran out comes one that lasts this long, so that its renewal on the open connection can be seen as well. */
const shortSeconds = 20;
/** A token of one second has run out for sure: the server allows clocks to differ by 5 s. */
const surelyExpiredMs = 7_000;

export function createTokenDesk({
  member,
  account,
  network,
  onIssue,
}: {
  readonly member: string;
  readonly account: string;
  readonly network: Network;
  readonly onIssue: (ttlSeconds: number | null) => void;
}): TokenDesk {
  const ask = async (ttlSeconds: number | null) => {
    const query = new URLSearchParams({ member, accounts: account });
    if (ttlSeconds !== null) query.set('ttl', String(ttlSeconds));
    const response = await network.platform.fetch(`/dev/token?${query.toString()}`);
    if (!response.ok) throw new Error(`No token: status ${String(response.status)}`);
    return response.text();
  };
  let nextSeconds: number | null = null;
  const askShortest = async () => ({ token: await ask(1), at: Date.now() });
  let spare = askShortest().catch(() => null); // ready when somebody wants to see it, and asked for again where it failed

  return {
    async issue() {
      network.substituteToken(null);
      const ttlSeconds = nextSeconds;
      const token = await ask(ttlSeconds);
      nextSeconds = null;
      onIssue(ttlSeconds);
      return token;
    },
    async expire() {
      const { token, at } = (await spare) ?? (await askShortest());
      spare = Promise.resolve({ token, at });
      await new Promise((resolve) => setTimeout(resolve, at + surelyExpiredMs - Date.now()));
      nextSeconds = shortSeconds;
      network.substituteToken(token);
    },
  };
}
