import { type ComponentType, lazy, Suspense } from 'react';
import { createBrowserRouter, type RouteObject } from 'react-router';
import type { Access } from './access';
import { Crash, NotFound } from './dead-ends';
import { For, SignedIn } from './gates';
import { NAVIGATION } from './navigation';

type Load = () => Promise<{ default: ComponentType }>;

/**
 * A page that is loaded when it is first visited, and again when that failed. The router's own `lazy` shows
 * nothing at all where loading fails, and never tries again.
 */
function page(path: string, load: Load, whom?: (access: Access) => boolean): RouteObject {
  let hasFailed = false;
  const begin = () =>
    lazy(() =>
      load().catch((error: unknown) => {
        hasFailed = true;
        throw error;
      }),
    );
  let Page = begin();
  const Content = () => {
    const Current = Page;
    return <Current />;
  };
  return {
    path,
    errorElement: <Crash />,
    element:
      whom === undefined ? (
        <Content />
      ) : (
        <For whom={whom}>
          <Content />
        </For>
      ),
    loader: () => {
      if (hasFailed) Page = begin();
      hasFailed = false;
      // Begins at once, beside the session; a failure is told where the page is drawn.
      load().catch(() => undefined);
      return null;
    },
  };
}

/** Whoever has no business at a destination of the navigation has none at its address either. */
function visitorsOf(to: string): (access: Access) => boolean {
  const destinations = NAVIGATION.flatMap((group) => group.destinations);
  return destinations.find((destination) => destination.to === to)?.isFor ?? (() => true);
}

const hydrateFallbackElement = <div />;

/** A page of its own, without the frame. */
function entrance(path: string, load: Load): RouteObject {
  const route = page(path, load);
  return { ...route, element: <Suspense fallback={null}>{route.element}</Suspense>, hydrateFallbackElement };
}

export const routes: RouteObject[] = [
  entrance('/sign-in', () => import('@/features/entrance/SignInPage')),
  entrance('/sign-up', () => import('@/features/entrance/SignUpPage')),
  entrance('/password', () => import('@/features/entrance/NewPasswordPage')),
  {
    path: '/',
    element: <SignedIn />,
    errorElement: <Crash />,
    hydrateFallbackElement,
    children: [
      page('', () => import('@/features/overview/OverviewPage')),
      page('services', () => import('@/features/services/ServicesPage'), visitorsOf('/services')),
      page(
        'services/:service/instances',
        () => import('@/features/services/ServicePage'),
        visitorsOf('/services'),
      ),
      page('routes', () => import('@/features/routes/RoutesPage'), visitorsOf('/routes')),
      page('tenants', () => import('@/features/tenants/TenantsPage'), visitorsOf('/tenants')),
      page('backups', () => import('@/features/backups/BackupsPage'), visitorsOf('/backups')),
      page('members', () => import('@/features/members/MembersPage'), visitorsOf('/members')),
      page('audit', () => import('@/features/audit/AuditPage'), visitorsOf('/audit')),
      page('sessions', () => import('@/features/sessions/SessionsPage')),
      { path: '*', element: <NotFound /> },
    ],
  },
];

export const router = createBrowserRouter(routes);
