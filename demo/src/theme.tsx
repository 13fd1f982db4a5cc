import { useSyncExternalStore } from 'react';

import { Icon } from './icons.tsx';

const key = 'lifeline:theme';
const dark = window.matchMedia('(prefers-color-scheme: dark)');

type Theme = 'light' | 'dark';

/** The reader's choice, where there is one; before the first paint. */
export function applyTheme(): void {
  const chosen = recall();
  if (chosen !== null) document.documentElement.dataset['theme'] = chosen;
}

export function ThemeToggle() {
  const theme = useSyncExternalStore(subscribe, current);
  const other: Theme = theme === 'dark' ? 'light' : 'dark';
  return (
    <button type="button" className="plain" onClick={() => choose(other)}>
      <Icon name={other === 'dark' ? 'moon' : 'sun'} />
      {other === 'dark' ? 'Dark' : 'Light'}
      <span className="visually-hidden"> theme</span>
    </button>
  );
}

const listeners = new Set<() => void>();

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  dark.addEventListener('change', listener);
  return () => {
    listeners.delete(listener);
    dark.removeEventListener('change', listener);
  };
}

function current(): Theme {
  const chosen = document.documentElement.dataset['theme'];
  if (chosen === 'light' || chosen === 'dark') return chosen;
  return dark.matches ? 'dark' : 'light';
}

function choose(theme: Theme): void {
  document.documentElement.dataset['theme'] = theme;
  try {
    localStorage.setItem(key, theme);
  } catch {
    // forbidden: then it holds for this visit
  }
  for (const listener of listeners) listener();
}

function recall(): Theme | null {
  try {
    const kept = localStorage.getItem(key);
    return kept === 'light' || kept === 'dark' ? kept : null;
  } catch {
    return null;
  }
}
