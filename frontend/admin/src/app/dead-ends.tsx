import { Button } from 'antd';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { Empty } from '@/components/Empty';
import { useDocumentTitle } from '@/components/PageHead';

/** No page has this address. */
export function NotFound() {
  const { t } = useTranslation();
  useDocumentTitle(t('notFound.title'));
  return (
    <Empty isPage title={t('notFound.title')} hint={t('notFound.lead')}>
      <p>
        <Link to="/">{t('notFound.home')}</Link>
      </p>
    </Empty>
  );
}

/** A page failed while it was drawn, or could not be loaded because a newer version replaced it. */
export function Crash() {
  const { t } = useTranslation();
  useDocumentTitle(t('crash.title'));
  return (
    <div className="whole-page" role="alert">
      <Empty isPage title={t('crash.title')} hint={t('crash.lead')}>
        <Button type="primary" onClick={() => window.location.reload()}>
          {t('crash.reload')}
        </Button>
      </Empty>
    </div>
  );
}
