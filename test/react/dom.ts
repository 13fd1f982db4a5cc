import { JSDOM } from 'jsdom';

/*
 * A page for React in a Node that stays a Node: Vitest's own jsdom environment replaces `URL`, `AbortController` and more, which the
 * helpers that start real servers, and `fetch`, then refuse. Import it before anything of React.
 */
const { window } = new JSDOM('<!doctype html><html><body></body></html>', { url: 'http://localhost/' });

Object.assign(globalThis, {
  window,
  document: window.document,
  HTMLElement: window.HTMLElement,
  Element: window.Element,
  Node: window.Node,
  // React warns of what happens outside `act`; here a server decides when.
  IS_REACT_ACT_ENVIRONMENT: false,
});
