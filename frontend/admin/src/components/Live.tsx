import { useTranslation } from 'react-i18next';
import { useFormat } from '@/i18n/useFormat';

/** How often live pages ask again, in milliseconds. */
export const LIVE_INTERVAL_MS = 2_000;

/** Whether what is on the screen is fresh, and if not, from when it is. */
export function Live({ isLost, updatedAt }: { isLost: boolean; updatedAt: number }) {
  const { t } = useTranslation();
  const format = useFormat();
  if (updatedAt === 0) return null;
  return (
    <span className={isLost ? 'live live-off' : 'live'} role="status" title={t('live.hint')}>
      {isLost ? t('live.off', { time: format.time(new Date(updatedAt)) }) : t('live.on')}
    </span>
  );
}
