import { Button } from 'antd';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { Empty } from '@/components/Empty';

/** No page has this address. */
export function NotFound() {
  const { t } = useTranslation();
  return (
    <Empty title={t('notFound.title')} hint={t('notFound.lead')}>
      <p>
        <Link to="/">{t('notFound.home')}</Link>
      </p>
    </Empty>
  );
}

/** A page failed while it was drawn, or could not be loaded because a newer version replaced it. */
export function Crash() {
  const { t } = useTranslation();
  return (
    <div className="whole-page" role="alert">
      <Empty title={t('crash.title')} hint={t('crash.lead')}>
        <Button type="primary" onClick={() => window.location.reload()}>
          {t('crash.reload')}
        </Button>
      </Empty>
    </div>
  );
}
