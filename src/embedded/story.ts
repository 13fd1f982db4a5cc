import { type CheckEnding, coverageCheck, type Scene, videoVisit } from './scenes.ts';
import type { Stage } from './stage.ts';

/** Who the story is about. */
export const storyMember = 'demo';
export const storyAccount = 'A123';

const checkEveryMs = 15_000;
const visitEveryMs = 60_000;
/** A check comes first, so that a newcomer sees one thing after the other. */
const visitAfterMs = 5_000;

/** Most checks succeed; a payer that fails and one that never answers belong to the story as well. */
const endings: readonly CheckEnding[] = ['completed', 'completed', 'failed', 'completed', 'timeout'];

/** Tells the story of member `demo` until stopped: an eligibility check every 15 s, a video visit every minute, the first at once. */
export function tellStory(stage: Stage): { stop(): void } {
  const timers: NodeJS.Timeout[] = [];
  const repeat = (everyMs: number, scenes: (round: number) => readonly Scene[]) => {
    let round = 0;
    const begin = () => stage.play(storyMember, scenes(round++));
    begin();
    timers.push(setInterval(begin, everyMs));
  };
  repeat(checkEveryMs, (round) =>
    coverageCheck({
      workflowId: `wf-${round + 1}`,
      accountId: storyAccount,
      ending: endings[round % endings.length] ?? 'completed',
    }),
  );
  repeat(visitEveryMs, (round) =>
    videoVisit(`call-${round + 1}`).map((scene) => ({ ...scene, afterMs: scene.afterMs + visitAfterMs })),
  );
  return { stop: () => timers.forEach((timer) => clearInterval(timer)) };
}
