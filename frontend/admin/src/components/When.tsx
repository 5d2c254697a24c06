import { Tooltip } from 'antd';
import { useEffect, useState } from 'react';
import { useFormat } from '@/i18n/useFormat';

/** How often "3 minutes ago" is said anew, in milliseconds. */
const SAY_AGAIN_MS = 20_000;

/** A moment, as people say it; exact on pointing at it. */
export function When({ at, exact = false }: { at: string; exact?: boolean }) {
  const format = useFormat();
  const date = new Date(at);
  const [now, setNow] = useState(() => new Date());
  useEffect(() => {
    if (exact) return;
    const timer = setInterval(() => setNow(new Date()), SAY_AGAIN_MS);
    return () => clearInterval(timer);
  }, [exact]);
  if (exact)
    return (
      <time className="nowrap" dateTime={at}>
        {format.dateTime(date)}
      </time>
    );
  return (
    <Tooltip title={format.dateTime(date)}>
      <time dateTime={at}>{format.ago(date, now)}</time>
    </Tooltip>
  );
}
