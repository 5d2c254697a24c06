import { render, screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { beforeAll, expect, it, vi } from 'vitest';
import { ApiError } from '@/api/problem';
import { startTranslation } from '@/i18n';
import { RecordList } from './RecordList';

beforeAll(() => startTranslation('en'));

const shared = {
  label: 'Fruit',
  rowKey: (record: { name: string }) => record.name,
  title: { key: 'name', title: 'Name', render: (record: { name: string }) => record.name },
  columns: [{ key: 'length', title: 'Length', render: (record: { name: string }) => record.name.length }],
  empty: <p>no fruit</p>,
  error: null,
  onRetry: () => undefined,
};

it('says that it is loading', () => {
  render(<RecordList {...shared} records={undefined} />);
  expect(screen.getByRole('status', { name: 'Loading' })).toBeInTheDocument();
});

it('says why there is nothing, and tries again when asked to', async () => {
  const onRetry = vi.fn();
  const error = new ApiError(503, {}, { requestId: 'r-9' });
  render(<RecordList {...shared} records={undefined} error={error} onRetry={onRetry} />);
  expect(screen.getByRole('alert')).toHaveTextContent('not ready');
  expect(screen.getByRole('alert')).toHaveTextContent('r-9');
  await userEvent.click(screen.getByRole('button', { name: 'Try again' }));
  expect(onRetry).toHaveBeenCalledOnce();
});

it('says that there is nothing', () => {
  render(<RecordList {...shared} records={[]} />);
  expect(screen.getByText('no fruit')).toBeInTheDocument();
});

it('keeps showing what it has when a later reading fails', () => {
  render(<RecordList {...shared} records={[{ name: 'fig' }]} error={new ApiError(0)} />);
  expect(screen.getByText('fig')).toBeInTheDocument();
  expect(screen.queryByRole('alert')).toBeNull();
});

it('shows a table with named columns, and leads to the next page', async () => {
  const onPage = vi.fn();
  render(
    <RecordList
      {...shared}
      records={[{ name: 'fig' }, { name: 'quince' }]}
      nextCursor="c2"
      onPage={onPage}
    />,
  );
  const table = screen.getByRole('table', { name: 'Fruit' });
  expect(
    within(table)
      .getAllByRole('columnheader')
      .map((header) => header.textContent),
  ).toEqual(['Name', 'Length']);
  expect(within(table).getAllByRole('row')).toHaveLength(3);
  expect(screen.getByRole('button', { name: 'First page' })).toBeDisabled();
  await userEvent.click(screen.getByRole('button', { name: 'Next page' }));
  expect(onPage).toHaveBeenCalledWith('c2');
});

it('leads back to the first page from a page that could not be read', async () => {
  const onPage = vi.fn();
  const error = new ApiError(400, { code: 'invalid_cursor' });
  render(<RecordList {...shared} records={undefined} error={error} cursor="stale" onPage={onPage} />);
  await userEvent.click(screen.getByRole('button', { name: 'First page' }));
  expect(onPage).toHaveBeenCalledWith(null);
});

it('sorts by the columns that can be sorted by, and says which way', async () => {
  const onSort = vi.fn();
  const title = { ...shared.title, sort: 'name' };
  const list = (sort: string) => (
    <RecordList {...shared} title={title} records={[{ name: 'fig' }]} sort={sort} onSort={onSort} />
  );
  const { rerender } = render(list('name'));
  expect(screen.getByRole('columnheader', { name: 'Name' })).toHaveAttribute('aria-sort', 'ascending');
  expect(screen.getByRole('columnheader', { name: 'Length' })).not.toHaveAttribute('aria-sort');
  await userEvent.click(screen.getByRole('button', { name: 'Name' }));
  expect(onSort).toHaveBeenLastCalledWith('-name');
  rerender(list('-name'));
  await userEvent.click(screen.getByRole('button', { name: 'Name' }));
  expect(onSort).toHaveBeenLastCalledWith('name');
});
