import { Button } from 'antd';
import { type ReactNode, useEffect } from 'react';
import { useTranslation } from 'react-i18next';
import { Navigate, useLocation } from 'react-router';
import { session } from '@/api/client';
import { Empty } from '@/components/Empty';
import { useDocumentTitle } from '@/components/PageHead';
import { Splash } from '@/components/Splash';
import { type Access, AccessProvider, useAccess, useSession } from './access';
import { Frame } from './Frame';

/** How often a session is tried again that could not be taken up because the platform was away. */
const TRY_AGAIN_MS = 3_000;

/** The part of the console for people who are signed in. */
export function SignedIn() {
  const state = useSession();
  const here = useLocation();
  if (state.status === 'restoring') return <Splash />;
  if (state.status === 'unreachable') return <Unreachable />;
  if (state.status === 'signed-out') {
    // Somebody who left starts afresh; somebody whose session ended comes back to where they were.
    const to =
      state.because === 'left'
        ? '/sign-in'
        : `/sign-in?to=${encodeURIComponent(here.pathname + here.search)}`;
    return <Navigate to={to} replace />;
  }
  if (state.restricted) return <Navigate to="/password" replace />;
  return (
    <AccessProvider>
      <Frame />
    </AccessProvider>
  );
}

function Unreachable() {
  const { t } = useTranslation();
  useEffect(() => {
    const timer = setInterval(() => void session.restore(), TRY_AGAIN_MS);
    return () => clearInterval(timer);
  }, []);
  return (
    <div className="whole-page">
      <Empty isPage title={t('signIn.unreachable')} hint={t('signIn.unreachableLead')}>
        <Button onClick={() => void session.restore()}>{t('action.retry')}</Button>
      </Empty>
    </div>
  );
}

/** Shows a page only to those whom it concerns. */
export function For({ whom, children }: { whom: (access: Access) => boolean; children: ReactNode }) {
  const access = useAccess();
  return whom(access) ? children : <NotPermitted />;
}

function NotPermitted() {
  const { t } = useTranslation();
  useDocumentTitle(t('notPermitted.title'));
  return <Empty isPage title={t('notPermitted.title')} hint={t('notPermitted.lead')} />;
}
