import type { ReactNode } from 'react';

export type Tone = 'good' | 'warn' | 'bad' | 'idle';

/** A state as a dot and a word: never by colour alone. */
export function State({ tone, children }: { tone: Tone; children: ReactNode }) {
  return <span className={`state state-${tone}`}>{children}</span>;
}
