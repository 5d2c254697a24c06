import { Spin } from 'antd';
import { useTranslation } from 'react-i18next';

/** The whole page, waiting. */
export function Splash() {
  const { t } = useTranslation();
  return (
    <div className="whole-page" role="status" aria-label={t('list.loading')}>
      <Spin delay={200} />
    </div>
  );
}
