import { Tooltip } from 'antd';
import { useFormat } from '@/i18n/useFormat';

/** A moment, as people say it; exact on pointing at it. */
export function When({ at, exact = false }: { at: string; exact?: boolean }) {
  const format = useFormat();
  const date = new Date(at);
  if (exact)
    return (
      <time className="nowrap" dateTime={at}>
        {format.dateTime(date)}
      </time>
    );
  return (
    <Tooltip title={format.dateTime(date)}>
      <time dateTime={at}>{format.ago(date)}</time>
    </Tooltip>
  );
}
