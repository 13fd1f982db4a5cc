import './dom.ts';

import { act, cleanup, render, renderHook } from '@testing-library/react';
import { createElement, type ReactNode, StrictMode, useState } from 'react';
import { renderToString } from 'react-dom/server';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import type { LifelineClient } from '../../src/client/index.ts';
import {
  LifelineProvider,
  useCoverageUpdates,
  useLifelineStatus,
  useVideoVisitEvents,
  useWaitForCoverage,
} from '../../src/react/index.ts';
import { eventually } from '../support/eventually.ts';
import { type Lifeline, startLifeline } from '../support/lifeline.ts';
import { type Member, newMember } from '../support/member.ts';
import { clientOf } from './app.ts';

let lifeline: Lifeline;
let member: Member;
let client: LifelineClient;
beforeAll(async () => {
  lifeline = await startLifeline([]);
});
afterAll(() => lifeline.stop());
beforeEach(() => {
  member = newMember(lifeline);
  client = clientOf(member, lifeline.url);
});
afterEach(async () => {
  cleanup();
  await client.close();
  await eventually(async () => (await active()) === 0, { what: 'nothing left on the server' });
});

const active = () => lifeline.metric('lifeline_subscriptions_active');
const within = ({ children }: { children: ReactNode }) => createElement(LifelineProvider, { client }, children);
const strictly = ({ children }: { children: ReactNode }) => createElement(StrictMode, null, within({ children }));
const nothingPending = () => eventually(async () => (await member.pending()) === 0, { what: 'acknowledged' });

describe('useCoverageUpdates', () => {
  test('shows each update once, in strict mode too, and acknowledges what it shows', async () => {
    await member.send('rte.completed', 'wf-1');
    const handled: string[] = [];
    const { result } = renderHook(
      () => useCoverageUpdates({ accountId: 'A123' }, { onEvent: ({ workflowId }) => void handled.push(workflowId) }),
      { wrapper: strictly },
    );
    expect(result.current).toEqual({ events: [], latest: null, error: null });
    await eventually(() => result.current.events.length === 1);
    await member.send('rte.failed', 'wf-2');
    await eventually(() => result.current.events.length === 2);
    expect(result.current.events.map(({ workflowId, status }) => [workflowId, status])).toEqual([
      ['wf-1', 'COMPLETED'],
      ['wf-2', 'FAILED'],
    ]);
    expect(result.current.latest).toBe(result.current.events[1]);
    expect(handled).toEqual(['wf-1', 'wf-2']);
    await nothingPending();
  });

  test('two views, mounted one after the other in strict mode, are one stream, and see the same', async () => {
    const first = renderHook(() => useCoverageUpdates({ accountId: 'A123' }), { wrapper: strictly });
    await eventually(async () => (await active()) === 1);
    await member.send('rte.completed', 'wf-1');
    await eventually(() => first.result.current.events.length === 1);
    await nothingPending();
    const second = renderHook(() => useCoverageUpdates({ accountId: 'A123' }), { wrapper: strictly });
    expect(second.result.current).toBe(first.result.current);
    expect(await active()).toBe(1);
    first.unmount();
    await member.send('rte.completed', 'wf-2');
    await eventually(() => second.result.current.events.length === 2);
    expect(await active()).toBe(1);
  });

  test('nothing is left when the last view goes; who comes back sees what was there, and goes on', async () => {
    const { result, unmount } = renderHook(() => useCoverageUpdates({ accountId: 'A123' }), { wrapper: within });
    await eventually(async () => (await active()) === 1);
    await member.send('rte.completed', 'wf-1');
    await eventually(() => result.current.events.length === 1);
    await nothingPending();
    unmount();
    await eventually(async () => (await active()) === 0, { what: 'the stream ended' });
    await member.send('rte.completed', 'wf-2');
    const again = renderHook(() => useCoverageUpdates({ accountId: 'A123' }), { wrapper: within });
    expect(again.result.current.events).toHaveLength(1);
    await eventually(() => again.result.current.events.length === 2);
    expect(again.result.current.events.map(({ workflowId }) => workflowId)).toEqual(['wf-1', 'wf-2']);
  });

  test('mounting and unmounting many times leaves one stream while it is there and none after', async () => {
    const initialProps: { accountId: string | null } = { accountId: 'A123' };
    const { rerender, unmount } = renderHook(
      ({ accountId }: typeof initialProps) => useCoverageUpdates(accountId === null ? null : { accountId }),
      { wrapper: strictly, initialProps },
    );
    for (let round = 0; round < 25; round++) rerender({ accountId: round % 2 === 0 ? null : 'A123' });
    rerender({ accountId: 'A123' });
    await eventually(async () => (await active()) === 1);
    unmount();
    await eventually(async () => (await active()) === 0);
    await eventually(() => client.status.get().state === 'idle', { what: 'the connection let go of' });
  });

  test('an event that a view fails at comes again to that view, and stays pending until it is handled', async () => {
    const tries: string[] = [];
    const errors: string[] = [];
    const { result } = renderHook(
      () =>
        useCoverageUpdates(
          { accountId: 'A123' },
          {
            onEvent({ workflowId }) {
              tries.push(workflowId);
              if (tries.length === 1) throw new Error('not this time');
            },
            onError: ({ code }) => void errors.push(code),
          },
        ),
      { wrapper: within },
    );
    await eventually(async () => (await active()) === 1);
    await member.send('rte.completed', 'wf-1');
    await eventually(() => tries.length === 1);
    expect(await member.pending()).toBe(1);
    await eventually(() => tries.length === 2, { what: 'the second try' });
    await nothingPending();
    expect(result.current.events).toHaveLength(1);
    expect(errors).toEqual(['HANDLER']);
  });

  test('by hand, what is shown stays pending until the app says so, and is not shown again to who comes back', async () => {
    const handled: string[] = [];
    const view = () =>
      renderHook(
        () =>
          useCoverageUpdates(
            { accountId: 'A123' },
            { acknowledge: 'manual', onEvent: ({ workflowId }) => void handled.push(workflowId) },
          ),
        { wrapper: within },
      );
    const first = view();
    await member.send('rte.completed', 'wf-1');
    await eventually(() => handled.length === 1);
    expect(await member.pending()).toBe(1);
    first.unmount();
    await eventually(async () => (await active()) === 0);
    const { result } = view();
    await eventually(() => handled.length === 2, { what: 'it to come again' });
    expect(result.current.events).toHaveLength(1);
    const { latest } = result.current;
    await client.acknowledge([latest?.delivery.id ?? '']);
    expect(await member.pending()).toBe(0);
  });

  test('progress stands until the next event of its check', async () => {
    const { result } = renderHook(() => useCoverageUpdates({ accountId: 'A123' }), { wrapper: within });
    await eventually(async () => (await active()) === 1);
    await member.send('rte.progress', 'wf-1', { percent: 40 });
    await eventually(() => result.current.latest?.percent === 40);
    await member.send('rte.progress', 'wf-1', { percent: 80 });
    await eventually(() => result.current.latest?.percent === 80);
    expect(result.current.events).toHaveLength(1);
    await member.send('rte.completed', 'wf-1');
    await eventually(() => result.current.latest?.status === 'COMPLETED');
    expect(result.current.events).toHaveLength(1);
  });

  test('an error that ends it is shown', async () => {
    const { result } = renderHook(() => useCoverageUpdates({ accountId: 'not-mine' }), { wrapper: within });
    await eventually(() => result.current.error);
    expect(result.current.error).toMatchObject({ code: 'FORBIDDEN', retry: 'never' });
  });

  test('a client that is closed shows that, and breaks no view', async () => {
    await client.close();
    const { result } = renderHook(() => useCoverageUpdates({ accountId: 'A123' }, { onEvent: () => undefined }), {
      wrapper: strictly,
    });
    await eventually(() => result.current.error);
    expect(result.current.error).toMatchObject({ code: 'CLOSED' });
  });
});

describe('useVideoVisitEvents', () => {
  test('follows the call it is given, and another one when that changes', async () => {
    const initialProps: { callId?: string } = { callId: 'call-1' };
    const { result, rerender } = renderHook(
      ({ callId }: typeof initialProps) => useVideoVisitEvents(callId === undefined ? {} : { callId }),
      {
        wrapper: strictly,
        initialProps,
      },
    );
    await member.send('call.ready', 'call-1');
    await member.send('call.ready', 'call-2');
    await eventually(() => result.current.latest?.callId === 'call-1');
    rerender({ callId: 'call-2' });
    await eventually(() => result.current.latest?.callId === 'call-2');
    expect(result.current.events).toHaveLength(1);
    rerender({});
    await member.send('call.ended', 'call-3');
    await eventually(() => result.current.latest?.callId === 'call-3');
    await nothingPending();
  });
});

describe('useLifelineStatus', () => {
  test('tells how the app is connected', async () => {
    const states = new Set<string>();
    const View = () => {
      const status = useLifelineStatus();
      useCoverageUpdates({ accountId: 'A123' });
      states.add(status.state);
      return createElement('output', null, `${status.state} ${status.transport ?? ''}`);
    };
    const { container, unmount } = render(createElement(View), { wrapper: strictly });
    await eventually(() => container.textContent === 'push WEBSOCKET');
    expect([...states]).toEqual(['idle', 'connecting', 'push']);
    unmount();
    await eventually(() => client.status.get().state === 'idle');
  });
});

describe('useWaitForCoverage', () => {
  test('ends with the result, whether it comes before or after', async () => {
    const { result, rerender } = renderHook(({ id }: { id: string | null }) => useWaitForCoverage(id), {
      wrapper: strictly,
      initialProps: { id: null as string | null },
    });
    expect(result.current.state).toBe('idle');
    rerender({ id: 'wf-1' });
    expect(result.current.state).toBe('waiting');
    await eventually(async () => (await active()) > 0);
    await member.send('rte.completed', 'wf-1');
    await eventually(() => result.current.state === 'done');
    expect(result.current.update).toMatchObject({ workflowId: 'wf-1', coverage: { plan: 'PPO Gold 1500' } });
    await member.send('rte.failed', 'wf-2');
    rerender({ id: 'wf-2' });
    expect(result.current).toMatchObject({ state: 'waiting', update: null });
    await eventually(() => result.current.state === 'done');
    expect(result.current.update).toMatchObject({ workflowId: 'wf-2', status: 'FAILED' });
  });

  test('tells what was known when the time is over', async () => {
    await member.send('rte.progress', 'wf-1', { percent: 40 });
    const { result } = renderHook(() => useWaitForCoverage('wf-1', { timeoutMs: 1_500 }), { wrapper: strictly });
    await eventually(() => result.current.state === 'timeout');
    expect(result.current.update).toMatchObject({ status: 'PROCESSING', percent: 40 });
  });

  test('stops waiting with its view, and fails with its client', async () => {
    const gone = renderHook(() => useWaitForCoverage('wf-1'), { wrapper: strictly });
    await eventually(async () => (await active()) > 0);
    gone.unmount();
    await eventually(async () => (await active()) === 0, { what: 'the wait released' });
    const { result } = renderHook(() => useWaitForCoverage('wf-1'), { wrapper: strictly });
    await client.close();
    await eventually(() => result.current.state === 'failed');
    expect(result.current.error).toMatchObject({ code: 'CLOSED' });
  });
});

describe('the provider', () => {
  test('takes over what a server rendered without a difference, also when there is something to show already', async () => {
    const first = renderHook(() => useCoverageUpdates({ accountId: 'A123' }), { wrapper: within });
    await member.send('rte.completed', 'wf-1');
    await eventually(() => first.result.current.events.length === 1);
    const View = () => `${useCoverageUpdates({ accountId: 'A123' }).events.length} ${useWaitForCoverage('wf-1').state}`;
    const container = document.createElement('div');
    document.body.append(container);
    container.innerHTML = renderToString(within({ children: createElement(View) }));
    expect(container.textContent).toBe('0 waiting');
    const differences: unknown[] = [];
    render(createElement(View), {
      wrapper: within,
      container,
      hydrate: true,
      onRecoverableError: (error) => void differences.push(error),
    });
    await eventually(() => container.textContent === '1 done');
    expect(differences).toEqual([]);
  });

  test('without a client yet, the hooks show nothing; with one they begin', async () => {
    await member.send('rte.completed', 'wf-1');
    let signIn = () => {};
    const View = () => String(useCoverageUpdates({ accountId: 'A123' }).events.length) + useLifelineStatus().state;
    const App = () => {
      const [own, setOwn] = useState<LifelineClient | null>(null);
      signIn = () => setOwn(client);
      return createElement(LifelineProvider, { client: own }, createElement(View));
    };
    const { container } = render(createElement(StrictMode, null, createElement(App)));
    expect(container.textContent).toBe('0idle');
    act(() => signIn());
    await eventually(() => container.textContent === '1push');
  });

  test('that is missing is an error that says so', () => {
    expect(() => renderHook(() => useLifelineStatus(), { onCaughtError: () => undefined })).toThrow(/LifelineProvider/);
  });

  test('is not needed where a hook is given its client', async () => {
    const { result } = renderHook(() => useCoverageUpdates({ accountId: 'A123' }, { client }));
    await member.send('rte.completed', 'wf-1');
    await eventually(() => result.current.events.length === 1);
  });
});
