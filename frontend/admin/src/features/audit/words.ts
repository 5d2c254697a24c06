import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import type { Translation } from '@/i18n/en';

type ActionKey = keyof Translation['audit']['actions'];
type TargetKey = keyof Translation['audit']['targets'];

/** The actions that the console has words for. A newer server may record others; they show as they are. */
export const KNOWN_ACTIONS = [
  'session.started',
  'session.ended',
  'session.refresh_reused',
  'user.signed_up',
  'user.password_changed',
  'user.password_reset',
  'user.disabled',
  'user.enabled',
  'operator.created',
  'tenant.created',
  'tenant.renamed',
  'tenant.suspended',
  'tenant.activated',
  'tenant.restored',
  'member.added',
  'member.role_changed',
  'member.removed',
  'invitation.made',
  'invitation.accepted',
  'invitation.withdrawn',
  'service.deactivate',
  'service.activate',
  'instance.drain',
  'instance.undrain',
  'instance.remove',
  'route.create',
  'route.change',
  'route.delete',
] as const;

/** What the audit log says, in the reader's language. */
export function useAuditWords() {
  const { t } = useTranslation();
  return useMemo(
    () => ({
      action: (action: string): string =>
        t(`audit.actions.${action.replace('.', '_') as ActionKey}`, { defaultValue: action }),
      target: (type: string): string => t(`audit.targets.${type as TargetKey}`, { defaultValue: type }),
    }),
    [t],
  );
}
