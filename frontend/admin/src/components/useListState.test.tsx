import { act, renderHook } from '@testing-library/react';
import type { ReactNode } from 'react';
import { MemoryRouter, useLocation } from 'react-router';
import { expect, it } from 'vitest';
import { useListState } from './useListState';

function listAt(address: string) {
  const wrapper = ({ children }: { children: ReactNode }) => (
    <MemoryRouter initialEntries={[address]}>{children}</MemoryRouter>
  );
  const { result } = renderHook(
    () => ({ ...useListState(['q'], ['-created_at', 'created_at']), address: useLocation().search }),
    { wrapper },
  );
  return result;
}

it('is what the address says', () => {
  const { current } = listAt('/?q=tea&sort=created_at&cursor=c2');
  expect(current).toMatchObject({ values: { q: 'tea' }, sort: 'created_at', cursor: 'c2', isFiltered: true });
});

it('sorts as usual where the address says nothing, or something the list does not know', () => {
  expect(listAt('/').current.sort).toBe('-created_at');
  expect(listAt('/?sort=colour').current.sort).toBe('-created_at');
});

it('goes back to the first page when it is filtered or sorted differently', () => {
  const list = listAt('/?q=tea&cursor=c2');
  act(() => list.current.sortBy('created_at'));
  expect(list.current.address).toBe('?q=tea&sort=created_at');
  act(() => list.current.goTo('c3'));
  act(() => list.current.filter('q', 'pot'));
  expect(list.current.address).toBe('?q=pot&sort=created_at');
  act(() => list.current.sortBy('-created_at'));
  expect(list.current.address).toBe('?q=pot');
});
