import { ArrowDownOutlined, ArrowUpOutlined } from '@ant-design/icons';
import { Button, Skeleton } from 'antd';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { ProblemNotice } from './ProblemNotice';
import { useNarrow } from './useNarrow';

/** One thing told about each record. */
export interface Column<T> {
  key: string;
  title: string;
  render: (record: T) => ReactNode;
  align?: 'number';
  /** The field that the list can be sorted by, if it can. */
  sort?: string;
  /** Left out on narrow screens. */
  wideOnly?: boolean;
}

interface RecordListProps<T> {
  /** What the list is of, for those who cannot see it. */
  label: string;
  records: readonly T[] | undefined;
  error: unknown;
  onRetry: () => void;
  rowKey: (record: T) => string;
  /** The record's name: the first column, or the head of its card. */
  title: Column<T>;
  columns: readonly Column<T>[];
  actions?: (record: T) => ReactNode;
  empty: ReactNode;
  nextCursor?: string | null | undefined;
  cursor?: string | undefined;
  onPage?: (cursor: string | null) => void;
  /** What the list is sorted by: a field, with `-` before it for descending. */
  sort?: string | undefined;
  onSort?: (order: string) => void;
}

/** Records as a table, on a phone as a pile of cards; with all it takes while there are none. */
export function RecordList<T>(props: RecordListProps<T>) {
  const { t } = useTranslation();
  const narrow = useNarrow();
  const { records } = props;

  if (records === undefined) {
    if (props.error) {
      return (
        <>
          <ProblemNotice error={props.error} onRetry={props.onRetry} />
          <Pager {...props} />
        </>
      );
    }
    return (
      <div className="card card-body" role="status" aria-label={t('list.loading')}>
        <Skeleton active title={false} paragraph={{ rows: 5, width: '100%' }} />
      </div>
    );
  }

  return (
    <>
      <div className="card records">
        {records.length === 0 ? props.empty : narrow ? <Cards {...props} /> : <Table {...props} />}
      </div>
      <Pager {...props} />
    </>
  );
}

function Pager({
  cursor,
  nextCursor,
  onPage,
}: Pick<RecordListProps<unknown>, 'cursor' | 'nextCursor' | 'onPage'>) {
  const { t } = useTranslation();
  if (!onPage || !(cursor || nextCursor)) return null;
  return (
    <nav className="pager" aria-label={t('list.pages')}>
      <Button disabled={!cursor} onClick={() => onPage(null)}>
        {t('action.firstPage')}
      </Button>
      <Button disabled={!nextCursor} onClick={() => onPage(nextCursor ?? null)}>
        {t('action.nextPage')}
      </Button>
    </nav>
  );
}

function Table<T>(props: RecordListProps<T>) {
  const { label, records, rowKey, title, columns, actions } = props;
  const { t } = useTranslation();
  return (
    <table aria-label={label}>
      <thead>
        <tr>
          {[title, ...columns].map((column) => (
            <Head key={column.key} column={column} sort={props.sort} onSort={props.onSort} />
          ))}
          {actions && (
            <th scope="col" className="actions">
              <span className="visually-hidden">{t('action.more')}</span>
            </th>
          )}
        </tr>
      </thead>
      <tbody>
        {records?.map((record) => (
          <tr key={rowKey(record)}>
            <td className="records-title">{title.render(record)}</td>
            {columns.map((column) => (
              <td key={column.key} className={column.align}>
                {column.render(record)}
              </td>
            ))}
            {actions && <td className="actions">{actions(record)}</td>}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Head<T>({
  column,
  sort,
  onSort,
}: Pick<RecordListProps<T>, 'sort' | 'onSort'> & { column: Column<T> }) {
  if (!column.sort || !onSort) {
    return (
      <th scope="col" className={column.align}>
        {column.title}
      </th>
    );
  }
  const order = sort === column.sort ? 'ascending' : sort === `-${column.sort}` ? 'descending' : 'none';
  const next = order === 'descending' ? column.sort : `-${column.sort}`;
  return (
    <th scope="col" className={column.align} aria-sort={order}>
      <button type="button" className="sorter" onClick={() => onSort(next)}>
        {column.title}
        {order === 'ascending' ? <ArrowUpOutlined aria-hidden /> : <ArrowDownOutlined aria-hidden />}
      </button>
    </th>
  );
}

function Cards<T>({ label, records, rowKey, title, columns, actions }: RecordListProps<T>) {
  return (
    <ul className="records-cards" aria-label={label}>
      {records?.map((record) => (
        <li key={rowKey(record)}>
          <div className="records-cards-head">
            <div className="records-title">{title.render(record)}</div>
            {actions?.(record)}
          </div>
          <dl>
            {columns
              .filter((column) => !column.wideOnly)
              .map((column) => [
                <dt key={`${column.key}-name`}>{column.title}</dt>,
                <dd key={column.key}>{column.render(record)}</dd>,
              ])}
          </dl>
        </li>
      ))}
    </ul>
  );
}
