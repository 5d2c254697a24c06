import { useSyncExternalStore } from 'react';

const query = () => window.matchMedia('(max-width: 700px)');

function subscribe(listener: () => void): () => void {
  const media = query();
  media.addEventListener('change', listener);
  return () => media.removeEventListener('change', listener);
}

/** Whether the window is about as wide as a phone. */
export function useNarrow(): boolean {
  return useSyncExternalStore(subscribe, () => query().matches);
}
