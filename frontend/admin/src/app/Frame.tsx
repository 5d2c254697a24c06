import { MenuOutlined } from '@ant-design/icons';
import { Button, Drawer } from 'antd';
import { Suspense, useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, NavLink, Outlet, useLocation } from 'react-router';
import { Brand } from '@/components/Brand';
import { Preferences } from '@/components/Preferences';
import { Splash } from '@/components/Splash';
import { AccountMenu } from '@/features/account/AccountMenu';
import { useAccess } from './access';
import { navigationFor } from './navigation';

/** What surrounds every page of somebody who is signed in. */
export function Frame() {
  const { t } = useTranslation();
  const [isOpen, setOpen] = useState(false);
  const { pathname } = useLocation();
  const content = useRef<HTMLElement>(null);
  const previous = useRef(pathname);
  const opener = useRef<HTMLButtonElement>(null);
  const movedOn = useRef(false);

  useEffect(() => {
    if (previous.current === pathname) return;
    previous.current = pathname;
    setOpen(false);
    movedOn.current = true;
    // A screen reader goes on reading at the new page, not at the link that led there.
    content.current?.focus({ preventScroll: true });
    window.scrollTo(0, 0);
  }, [pathname]);

  return (
    <>
      <a className="skip-link" href="#content">
        {t('nav.skip')}
      </a>
      <div className="topbar">
        <Link className="brand" to="/">
          <Brand />
        </Link>
        <Preferences />
        <Button
          type="text"
          icon={<MenuOutlined aria-hidden />}
          aria-label={t('nav.open')}
          aria-expanded={isOpen}
          ref={opener}
          onClick={() => {
            movedOn.current = false;
            setOpen(true);
          }}
        />
      </div>
      <div className="frame">
        <Side />
        <main id="content" className="content" tabIndex={-1} ref={content}>
          <Suspense fallback={<Splash />}>
            <Outlet />
          </Suspense>
        </main>
      </div>
      <Drawer
        rootClassName="side-drawer"
        placement="left"
        size={280}
        open={isOpen}
        onClose={() => setOpen(false)}
        focusable={{ focusTriggerAfterClose: false }}
        afterOpenChange={(isOpenNow) => {
          if (!isOpenNow) (movedOn.current ? content : opener).current?.focus({ preventScroll: true });
        }}
        closable={false}
        styles={{ body: { padding: 0 } }}
        aria-label={t('nav.main')}
      >
        <Side inDrawer onVisit={() => setOpen(false)} />
      </Drawer>
    </>
  );
}

function Side({ inDrawer = false, onVisit }: { inDrawer?: boolean; onVisit?: () => void }) {
  const { t } = useTranslation();
  const access = useAccess();
  return (
    <div className="side">
      <Link className="brand" to="/">
        <Brand />
      </Link>
      <nav aria-label={t('nav.main')}>
        {navigationFor(access).map((group) => (
          <div className="nav-group" key={group.label}>
            {group.label && <h2>{t(`nav.${group.label}`)}</h2>}
            <ul>
              {group.destinations.map(({ to, label, icon: Icon }) => (
                <li key={to}>
                  <NavLink className="nav-link" to={to} end={to === '/'} onClick={onVisit}>
                    <Icon aria-hidden />
                    {t(`nav.${label}`)}
                  </NavLink>
                </li>
              ))}
            </ul>
          </div>
        ))}
      </nav>
      <div className="side-foot">
        {!inDrawer && (
          <div className="row">
            <Preferences />
          </div>
        )}
        <AccountMenu />
      </div>
    </div>
  );
}
