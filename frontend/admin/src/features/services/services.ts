import { queryOptions } from '@tanstack/react-query';
import { bodyOf, type RegistrySchemas, registry } from '@/api/client';
import { LIVE_INTERVAL_MS } from '@/components/Live';
import type { Tone } from '@/components/State';

export type Service = RegistrySchemas['Service'];
export type Instance = RegistrySchemas['Instance'];

/** More services than this are not listed; a platform with so many is searched, not read. */
const PAGES_MAX = 5;
const PAGE = 200;

/** All services, asked for again every two seconds. */
export function servicesQuery() {
  return queryOptions({
    queryKey: ['services'],
    queryFn: async ({ signal }) => {
      const services: Service[] = [];
      let cursor: string | undefined;
      for (let page = 0; page < PAGES_MAX; page += 1) {
        const query = { limit: PAGE, ...(cursor ? { cursor } : {}) };
        const answer = bodyOf(await registry.GET('/v1/services', { params: { query }, signal }));
        services.push(...answer.items);
        if (!answer.next_cursor) break;
        cursor = answer.next_cursor;
      }
      return services;
    },
    refetchInterval: LIVE_INTERVAL_MS,
    staleTime: 0,
  });
}

export function serviceQuery(service: string) {
  return queryOptions({
    queryKey: ['services', service],
    queryFn: async ({ signal }) =>
      bodyOf(await registry.GET('/v1/services/{service}', { params: { path: { service } }, signal })),
    refetchInterval: LIVE_INTERVAL_MS,
    staleTime: 0,
  });
}

export function instancesQuery(service: string) {
  return queryOptions({
    queryKey: ['services', service, 'instances'],
    queryFn: async ({ signal }) =>
      bodyOf(
        await registry.GET('/v1/services/{service}/instances', {
          params: { path: { service }, query: { limit: PAGE } },
          signal,
        }),
      ).items,
    refetchInterval: LIVE_INTERVAL_MS,
    staleTime: 0,
  });
}

export type Health = 'out' | 'idle' | 'up' | 'partly' | 'draining' | 'down';

/**
 * Where a service's page is. A service's name may have dots, and whoever serves the console takes an address
 * whose last part has a dot for a file.
 */
export function addressOf(service: string): string {
  return `/services/${encodeURIComponent(service)}/instances`;
}

/** Whether it is a part of the platform: taken out, it would take the console with it. */
export function isOurOwn({ name }: Pick<Service, 'name'>): boolean {
  return ['core', 'registry', 'gateway'].includes(name);
}

/** All instances of a service, however they are doing. */
export function totalOf({ instances: { up, down, draining } }: Pick<Service, 'instances'>): number {
  return up + down + draining;
}

/** A service's health in one word. */
export function healthOf(service: Pick<Service, 'is_active' | 'instances'>): Health {
  const { up, draining } = service.instances;
  const total = totalOf(service);
  if (!service.is_active) return 'out';
  if (total === 0) return 'idle';
  if (up === 0) return draining === total ? 'draining' : 'down';
  return up + draining === total ? 'up' : 'partly';
}

export const TONE_OF_HEALTH: Record<Health, Tone> = {
  out: 'idle',
  idle: 'bad',
  up: 'good',
  partly: 'warn',
  draining: 'warn',
  down: 'bad',
};

export const TONE_OF_STATUS: Record<Instance['status'], Tone> = { up: 'good', down: 'bad', draining: 'warn' };
