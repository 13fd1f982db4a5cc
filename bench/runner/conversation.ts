/** Questions and answers with a child over IPC: `{ do: x }` is answered by `{ did: x }`, or `{ failed: text }`; one question at a time. */
import type { ChildProcess } from 'node:child_process';

import { ended } from './children.ts';

export interface Conversation {
  /** @throws Error with the child's name when it ends, fails, or does not answer in time */
  readonly ask: (question: string, details: object, timeoutMs: number) => Promise<Readonly<Record<string, unknown>>>;
}

export function conversation(name: string, child: ChildProcess): Conversation {
  let last: Promise<unknown> = Promise.resolve();

  const askNow = (question: string, details: object, timeoutMs: number) =>
    new Promise<Readonly<Record<string, unknown>>>((resolve, reject) => {
      const settle = () => {
        clearTimeout(timer);
        child.off('message', onMessage);
        child.off('exit', onExit);
        child.off('error', onError);
      };
      const fail = (text: string) => {
        settle();
        reject(new Error(`${name}: ${text}`));
      };
      const onMessage = (message: unknown) => {
        if (typeof message !== 'object' || message === null) return;
        if ('failed' in message) fail(String(message.failed));
        else if ('did' in message && message.did === question) {
          settle();
          resolve({ ...message });
        }
      };
      const onExit = (code: number | null, signal: string | null) => fail(`ended (${signal ?? code}) instead of "${question}"`);
      const onError = (error: Error) => fail(error.message);
      const timer = setTimeout(() => fail(`no answer to "${question}" within ${timeoutMs / 1000} s`), timeoutMs);
      if (ended(child)) return fail(`had ended (${child.signalCode ?? child.exitCode}) before "${question}"`);
      child.on('message', onMessage);
      child.once('exit', onExit);
      child.once('error', onError);
      child.send({ do: question, ...details }, (error) => {
        if (error) fail(error.message);
      });
    });

  return {
    ask(question, details, timeoutMs) {
      const answer = last.then(() => askNow(question, details, timeoutMs));
      last = answer.catch(() => undefined);
      return answer;
    },
  };
}
