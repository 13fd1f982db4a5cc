import type { IncomingMessage, ServerResponse } from 'node:http';

import type { DevTokens } from '../auth/token.ts';
import type { EventLog } from '../log/log.ts';
import type { Logger } from '../operations/logger.ts';
import { createDevEndpoints } from './dev-endpoints.ts';
import { createIngest } from './ingest.ts';
import { openPage } from './page.ts';
import { createStage } from './stage.ts';
import { storyAccount, storyMember, tellStory } from './story.ts';

/** What the embedded mode has instead of the world around a gateway: producers, an issuer of tokens, and an app to look at. */
export interface Show {
  /** Answers what exists only in this mode; false for every other path, which is left alone. */
  handle(request: IncomingMessage, response: ServerResponse): boolean;
  /** For the story's member, for 30 days. */
  visitorToken(): Promise<string>;
  /** From here on the story is told. */
  begin(): void;
  stop(): void;
}

export function createShow({ log, tokens, logger }: { log: EventLog; tokens: DevTokens; logger: Logger }): Show {
  const ingest = createIngest(log);
  const stage = createStage(ingest, logger);
  const dev = createDevEndpoints({ tokens, ingest, stage, logger });
  const page = openPage(logger);
  let story: { stop(): void } | undefined;
  return {
    handle: (request, response) => dev.handle(request, response) || page?.handle(request, response) === true,
    visitorToken: () => tokens.issue({ member: storyMember, accounts: [storyAccount], ttlSeconds: 30 * 24 * 3_600 }),
    begin() {
      story ??= tellStory(stage);
    },
    stop() {
      story?.stop();
      stage.stop();
    },
  };
}
