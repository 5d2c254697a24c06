import { useCallback, useMemo } from 'react';
import { useSearchParams } from 'react-router';

/** How many records a page of a list has. */
export const PAGE_SIZE = 25;

/**
 * A list's state, kept in the address: its filters by name, and the cursor of the page. A link to it, the
 * back button and a reload all lead to the same list.
 */
export function useListState<Filter extends string>(filters: readonly Filter[]) {
  const [params, setParams] = useSearchParams();
  const names = filters.join();

  const values = useMemo(() => {
    const present: Partial<Record<Filter, string>> = {};
    for (const name of names.split(',') as Filter[]) {
      const value = params.get(name);
      if (value) present[name] = value;
    }
    return present;
  }, [params, names]);

  /** Sets one filter; an empty value removes it. Goes back to the first page. */
  const filter = useCallback(
    (name: Filter, value: string | undefined) => {
      setParams(
        (before) => {
          const after = new URLSearchParams(before);
          if (value) after.set(name, value);
          else after.delete(name);
          after.delete('cursor');
          return after;
        },
        { replace: true },
      );
    },
    [setParams],
  );

  const goTo = useCallback(
    (cursor: string | null) => {
      setParams((before) => {
        const after = new URLSearchParams(before);
        if (cursor) after.set('cursor', cursor);
        else after.delete('cursor');
        return after;
      });
    },
    [setParams],
  );

  const clear = useCallback(() => setParams(new URLSearchParams(), { replace: true }), [setParams]);

  const cursor = params.get('cursor') ?? undefined;
  return { values, cursor, filter, goTo, clear, isFiltered: Object.keys(values).length > 0 };
}
