import { QueryClientProvider } from '@tanstack/react-query';
import { App as AntApp, ConfigProvider } from 'antd';
import { type ReactNode, useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { RouterProvider } from 'react-router';
import { session } from '@/api/client';
import type { Language } from '@/i18n';
import { antTheme, useScheme } from './appearance';
import { queries } from './queries';
import { router } from './router';

type AntLocale = typeof import('antd/locale/en_US')['default'];

const antLocales: Record<Language, () => Promise<{ default: AntLocale }>> = {
  en: () => import('antd/locale/en_US'),
  'zh-CN': () => import('antd/locale/zh_CN'),
};

export function App() {
  return (
    <Look>
      <QueryClientProvider client={queries}>
        <FollowSession />
        <RouterProvider router={router} />
      </QueryClientProvider>
    </Look>
  );
}

/**
 * Colours and language for Ant Design's components. Nothing is drawn before the language is there: Ant Design
 * puts everything into another element when it comes, and what somebody had typed by then would be gone.
 */
export function Look({ children }: { children: ReactNode }) {
  const scheme = useScheme();
  const { i18n } = useTranslation();
  const [locale, setLocale] = useState<AntLocale>();
  useEffect(() => {
    let isCurrent = true;
    // Where it cannot be loaded, its words are English.
    const without = { locale: i18n.language };
    const loading = antLocales[i18n.language as Language]().then((loaded) => loaded.default);
    void loading
      .catch(() => without)
      .then((loaded) => {
        if (isCurrent) setLocale(loaded);
      });
    return () => {
      isCurrent = false;
    };
  }, [i18n.language]);
  if (locale === undefined) return null;
  return (
    <ConfigProvider theme={antTheme(scheme)} button={{ autoInsertSpace: false }} locale={locale}>
      <AntApp component={false}>{children}</AntApp>
    </ConfigProvider>
  );
}

/** What was read for another person or another tenant must not be seen: it goes when the session changes. */
function FollowSession() {
  useEffect(() => {
    let before = session.snapshot();
    return session.subscribe(() => {
      const now = session.snapshot();
      if (now.status === 'signed-out') {
        queries.clear();
      } else if (now.status === 'signed-in' && before.status === 'signed-in') {
        const isSame = before.userId === now.userId && before.tenantId === now.tenantId;
        // A new token may carry other rights.
        if (isSame) void queries.invalidateQueries({ queryKey: ['me'] });
        else void queries.resetQueries();
      }
      before = now;
    });
  }, []);
  return null;
}
