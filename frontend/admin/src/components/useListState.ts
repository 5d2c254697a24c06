import { useCallback, useMemo } from 'react';
import { useSearchParams } from 'react-router';

/** How many records a page of a list has. */
export const PAGE_SIZE = 25;

/**
 * A list's state, kept in the address: its filters by name, what it is sorted by, and the cursor of the page.
 * A link to it, the back button and a reload all lead to the same list. `sorts` are the orders that the list
 * knows, `-` before a field for descending; the first one needs no word in the address.
 */
export function useListState<Filter extends string>(
  filters: readonly Filter[],
  sorts: readonly string[] = [],
) {
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

  const set = useCallback(
    (name: string, value: string | undefined) => {
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

  /** Sets one filter; an empty value removes it. Goes back to the first page. */
  const filter = useCallback((name: Filter, value: string | undefined) => set(name, value), [set]);

  const sort = sorts.find((each) => each === params.get('sort')) ?? sorts[0];
  const usual = sorts[0];
  /** Sorts differently. Goes back to the first page: a cursor belongs to one order. */
  const sortBy = useCallback(
    (order: string) => set('sort', order === usual ? undefined : order),
    [set, usual],
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
  return { values, cursor, sort, filter, sortBy, goTo, clear, isFiltered: Object.keys(values).length > 0 };
}
