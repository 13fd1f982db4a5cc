import './style/base.css';
import './style/panes.css';
import './style/timeline.css';

import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';

import { createFaults } from './faults.ts';
import { createNetwork } from './network.ts';
import { Page } from './page.tsx';
import { applyTheme } from './theme.tsx';
import { createTokenDesk } from './token-desk.ts';
import { createVisitor } from './visitor.ts';

applyTheme();

const parameters = new URLSearchParams(location.search);
const member = parameters.get('member') ?? 'demo';
const account = parameters.get('account') ?? 'A123';

const network = createNetwork();
const tokens = createTokenDesk({
  member,
  account,
  network,
  onIssue: (ttlSeconds) => visitor.note(ttlSeconds === null ? 'A new token' : `A new token, for ${String(ttlSeconds)} s`),
});
const visitor = createVisitor({ member, account, network, tokens });
const faults = createFaults({
  network,
  tokens,
  onStumble: () => visitor.view.update((now) => ({ ...now, stumble: true })),
  onWake: () => visitor.client.wake(),
  note: (text) => visitor.note(text),
});

const place = document.querySelector('#page');
if (place === null) throw new Error('The page has no place for itself.');
createRoot(place).render(
  <StrictMode>
    <Page member={member} account={account} visitor={visitor} faults={faults} />
  </StrictMode>,
);
