export type Ending = 'completed' | 'failed' | 'timeout';

export const endings: readonly { readonly name: Ending; readonly label: string }[] = [
  { name: 'completed', label: 'answers' },
  { name: 'failed', label: 'is down' },
  { name: 'timeout', label: 'is silent' },
];

type Scene = { readonly scene: 'check'; readonly ending: Ending } | { readonly scene: 'visit' };

/**
 * Has the embedded server play a check or a visit for the member: what services do elsewhere, so it does not go through the network that
 * the page can break.
 *
 * @returns the id of the workflow or the call
 * @throws Error with a sentence for the reader
 */
export async function askForScene(scene: Scene, member: string, account: string): Promise<string> {
  const response = await fetch('/dev/scenes', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ...scene, member, account }),
  }).catch(() => null);
  if (response === null) throw new Error('The server cannot be reached just now.');
  const answer = (await response.json()) as { workflowId?: string; callId?: string; error?: string }; // the server's own
  const id = answer.workflowId ?? answer.callId;
  if (id === undefined) throw new Error(answer.error ?? 'The server did not take that.');
  return id;
}
