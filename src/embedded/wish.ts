import { randomUUID } from 'node:crypto';

import { channelIdPattern } from '../event/event.ts';
import { type CheckEnding, checkEndings, coverageCheck, type Scene, videoVisit } from './scenes.ts';
import { storyAccount, storyMember } from './story.ts';

/** What a visitor of the page wants to see happen. */
export interface Wish {
  readonly scene: 'check' | 'visit';
  readonly member: string;
  readonly account: string;
  readonly ending: CheckEnding;
}

/** Twice as slow as in the story: time to watch, and to break the network in the middle. */
const slowness = 2;

/** The scenes, under an id of their own, and what to tell who asked. */
export function scenesFor({ scene, account: accountId, ending }: Wish): { scenes: readonly Scene[]; answer: object } {
  const id = randomUUID().slice(0, 8);
  const [callId, workflowId] = [`call-${id}`, `wf-${id}`];
  return scene === 'visit'
    ? { scenes: videoVisit(callId), answer: { callId } }
    : { scenes: coverageCheck({ workflowId, accountId, ending, slowness }), answer: { workflowId } };
}

/** @returns a sentence where the wish makes no sense */
export function readWish(body: Buffer | null): Wish | string {
  let asked: unknown;
  try {
    asked = JSON.parse(body?.toString('utf8') ?? '');
  } catch {
    return 'body: must be JSON';
  }
  if (typeof asked !== 'object' || asked === null) return 'body: must be a JSON object';
  // An object that came as JSON: whatever property is read is there or undefined, and is checked below.
  const { scene, member = storyMember, account = storyAccount, ending = 'completed' } = asked as Readonly<Record<string, unknown>>;
  if (scene !== 'check' && scene !== 'visit') return 'scene: must be check or visit';
  if (typeof member !== 'string' || !channelIdPattern.test(member)) return `member: must match ${channelIdPattern.source}`;
  if (typeof account !== 'string' || account === '' || account.length > 128) return 'account: must be text of 1 to 128 characters';
  const known = checkEndings.find((name) => name === ending);
  return known === undefined ? `ending: must be one of ${checkEndings.join(', ')}` : { scene, member, account, ending: known };
}
