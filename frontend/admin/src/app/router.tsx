import type { ComponentType } from 'react';
import { createBrowserRouter, type RouteObject } from 'react-router';
import type { Access } from './access';
import { Crash, NotFound } from './dead-ends';
import { For, SignedIn } from './gates';
import { NAVIGATION } from './navigation';

type Page = { default: ComponentType };

/** A page that is loaded when it is first visited. */
function page(path: string, load: () => Promise<Page>, whom?: (access: Access) => boolean): RouteObject {
  return {
    path,
    errorElement: <Crash />,
    lazy: async () => {
      const { default: Page } = await load();
      if (whom === undefined) return { Component: Page };
      return {
        Component: () => (
          <For whom={whom}>
            <Page />
          </For>
        ),
      };
    },
  };
}

/** Whoever has no business at a destination of the navigation has none at its address either. */
function visitorsOf(to: string): (access: Access) => boolean {
  const destinations = NAVIGATION.flatMap((group) => group.destinations);
  return destinations.find((destination) => destination.to === to)?.isFor ?? (() => true);
}

const hydrateFallback = <div />;

export const routes: RouteObject[] = [
  {
    ...page('/sign-in', () => import('@/features/entrance/SignInPage')),
    hydrateFallbackElement: hydrateFallback,
  },
  {
    ...page('/sign-up', () => import('@/features/entrance/SignUpPage')),
    hydrateFallbackElement: hydrateFallback,
  },
  {
    ...page('/password', () => import('@/features/entrance/NewPasswordPage')),
    hydrateFallbackElement: hydrateFallback,
  },
  {
    path: '/',
    element: <SignedIn />,
    errorElement: <Crash />,
    hydrateFallbackElement: hydrateFallback,
    children: [
      { index: true, ...indexPage(() => import('@/features/overview/OverviewPage')) },
      page('services', () => import('@/features/services/ServicesPage'), visitorsOf('/services')),
      page(
        'services/:service/instances',
        () => import('@/features/services/ServicePage'),
        visitorsOf('/services'),
      ),
      page('routes', () => import('@/features/routes/RoutesPage'), visitorsOf('/routes')),
      page('tenants', () => import('@/features/tenants/TenantsPage'), visitorsOf('/tenants')),
      page('members', () => import('@/features/members/MembersPage'), visitorsOf('/members')),
      page('audit', () => import('@/features/audit/AuditPage'), visitorsOf('/audit')),
      page('sessions', () => import('@/features/sessions/SessionsPage')),
      { path: '*', element: <NotFound /> },
    ],
  },
];

function indexPage(load: () => Promise<Page>) {
  return { errorElement: <Crash />, lazy: async () => ({ Component: (await load()).default }) };
}

export const router = createBrowserRouter(routes);
