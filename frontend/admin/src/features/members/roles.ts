import type { CoreSchemas } from '@/api/client';

export type Role = CoreSchemas['Member']['role'];

/** The roles of a tenant, the least first. */
export const ROLES: readonly Role[] = ['member', 'admin', 'owner'];

/** Whether the console has a word for the role; a newer server may know more. */
export function isRole(name: string): name is Role | 'operator' {
  return name === 'operator' || ROLES.some((role) => role === name);
}

/** The roles that somebody with `own` roles may give or take: an admin has no say over owners. */
export function rolesInReachOf(own: readonly string[]): readonly Role[] {
  return own.includes('owner') ? ROLES : ROLES.filter((role) => role !== 'owner');
}
