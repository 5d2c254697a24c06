import { useQuery } from '@tanstack/react-query';
import { Button } from 'antd';
import { createContext, type ReactNode, useContext, useMemo, useSyncExternalStore } from 'react';
import { useTranslation } from 'react-i18next';
import { bodyOf, type CoreSchemas, core, session } from '@/api/client';
import { ProblemNotice } from '@/components/ProblemNotice';
import { Splash } from '@/components/Splash';

export type Me = CoreSchemas['Me'];

/** The permissions that the console asks about. */
export type Permission =
  | 'tenant:update'
  | 'member:read'
  | 'member:create'
  | 'member:update'
  | 'member:delete'
  | 'audit:read'
  | 'platform.tenant:read'
  | 'platform.tenant:manage'
  | 'platform.audit:read'
  | 'platform.recovery:read'
  | 'registry:read'
  | 'registry:manage'
  | 'route:manage';

export interface Access {
  me: Me;
  /** Whether the caller has one of the permissions. For what is shown only: the server decides. */
  can: (...anyOf: Permission[]) => boolean;
}

const AccessContext = createContext<Access | null>(null);

/** This tab's session, as it changes. */
export function useSession() {
  return useSyncExternalStore(session.subscribe, session.snapshot);
}

/** Reads who the caller is, and shows what is inside only once that is known. */
export function AccessProvider({ children }: { children: ReactNode }) {
  const { t } = useTranslation();
  const { data, error, refetch } = useQuery({
    queryKey: ['me'],
    queryFn: async ({ signal }) => bodyOf(await core.GET('/v1/me', { signal })),
    staleTime: 60_000,
  });
  const access = useMemo<Access | null>(() => {
    if (data === undefined) return null;
    const permissions = new Set<string>(data.permissions);
    return { me: data, can: (...anyOf) => anyOf.some((permission) => permissions.has(permission)) };
  }, [data]);
  if (access === null) {
    if (!error) return <Splash />;
    return (
      <div className="whole-page">
        <div className="stack">
          <ProblemNotice error={error} onRetry={refetch} />
          <Button type="link" onClick={() => void session.signOut().catch(() => undefined)}>
            {t('account.signOut')}
          </Button>
        </div>
      </div>
    );
  }
  return <AccessContext value={access}>{children}</AccessContext>;
}

/** Who the caller is and what they may do. */
export function useAccess(): Access {
  const access = useContext(AccessContext);
  if (access === null) throw new Error('useAccess is for what is inside AccessProvider');
  return access;
}
