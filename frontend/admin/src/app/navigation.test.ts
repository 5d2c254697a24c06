import { expect, it } from 'vitest';
import type { Me } from './access';
import { navigationFor } from './navigation';

function placesOf(permissions: string[], tenant: Me['tenant']): string[] {
  const access = {
    me: { tenant } as Me,
    can: (...anyOf: string[]) => anyOf.some((permission) => permissions.includes(permission)),
  };
  return navigationFor(access).flatMap((group) => group.destinations.map(({ to }) => to));
}

const tenant = { id: 't', name: 'T', slug: 't', is_suspended: false };

it('shows a member the tenant and nothing of the platform', () => {
  expect(placesOf(['tenant:read', 'member:read'], tenant)).toEqual(['/', '/members', '/sessions']);
});

it('shows an operator without a tenant the platform, but no members', () => {
  expect(
    placesOf(
      ['registry:read', 'platform.tenant:read', 'platform.audit:read', 'platform.recovery:read'],
      null,
    ),
  ).toEqual(['/', '/services', '/routes', '/tenants', '/backups', '/audit', '/sessions']);
});

it('shows somebody without any right only what is their own', () => {
  expect(placesOf([], null)).toEqual(['/', '/sessions']);
});
