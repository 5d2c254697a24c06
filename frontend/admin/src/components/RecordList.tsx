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
}

/** Records as a table, on a phone as a pile of cards; with all it takes while there are none. */
export function RecordList<T>(props: RecordListProps<T>) {
  const { t } = useTranslation();
  const narrow = useNarrow();
  const { records } = props;

  if (records === undefined) {
    if (props.error) return <ProblemNotice error={props.error} onRetry={props.onRetry} />;
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
      {props.onPage && (props.cursor || props.nextCursor) && (
        <nav className="pager" aria-label={t('list.pages')}>
          <Button disabled={!props.cursor} onClick={() => props.onPage?.(null)}>
            {t('action.firstPage')}
          </Button>
          <Button disabled={!props.nextCursor} onClick={() => props.onPage?.(props.nextCursor ?? null)}>
            {t('action.nextPage')}
          </Button>
        </nav>
      )}
    </>
  );
}

function Table<T>({ label, records, rowKey, title, columns, actions }: RecordListProps<T>) {
  const { t } = useTranslation();
  return (
    <table aria-label={label}>
      <thead>
        <tr>
          {[title, ...columns].map((column) => (
            <th key={column.key} scope="col" className={column.align}>
              {column.title}
            </th>
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
