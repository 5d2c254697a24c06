import { useTranslation } from 'react-i18next';
import { State } from '@/components/State';
import { healthOf, type Service, TONE_OF_HEALTH, totalOf } from './services';

export function ServiceHealth({ service }: { service: Service }) {
  const { t } = useTranslation();
  const health = healthOf(service);
  return <State tone={TONE_OF_HEALTH[health]}>{t(`services.${health}`)}</State>;
}

/** How many instances are up, as words and as a bar. */
export function InstanceShare({ service }: { service: Service }) {
  const { t } = useTranslation();
  const { up, draining, down } = service.instances;
  return (
    <span className="row">
      <span className="share" aria-hidden="true">
        {up > 0 && <span style={{ flex: up, background: 'var(--good)' }} />}
        {draining > 0 && <span style={{ flex: draining, background: 'var(--warn)' }} />}
        {down > 0 && <span style={{ flex: down, background: 'var(--bad)' }} />}
      </span>
      {t('services.count', { up, total: totalOf(service) })}
    </span>
  );
}
