import { Button } from 'antd';
import { useTranslation } from 'react-i18next';
import { Link, useRouteError } from 'react-router';
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
  const words = isNotLoaded(useRouteError()) ? 'notLoaded' : 'crash';
  useDocumentTitle(t(`${words}.title`));
  return (
    <div className="whole-page" role="alert">
      <Empty isPage title={t(`${words}.title`)} hint={t(`${words}.lead`)}>
        <Button type="primary" onClick={() => window.location.reload()}>
          {t('crash.reload')}
        </Button>
      </Empty>
    </div>
  );
}

/** Browsers tell a failed import by its message alone. */
function isNotLoaded(error: unknown): boolean {
  return error instanceof TypeError && /import|module/i.test(error.message);
}
