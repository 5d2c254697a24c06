import { useMutation, useQueryClient } from '@tanstack/react-query';
import { App, Button } from 'antd';
import { useTranslation } from 'react-i18next';
import { bodyOf, registry } from '@/api/client';
import { useNotice } from '@/components/useNotice';

/** How long a drain is waited for, in seconds. */
const DRAIN_WAIT_SECONDS = 30;

interface Which {
  service: string;
  id: string;
}

/** Takes an instance out of service. What came of it is told even when the button has gone by then. */
export function DrainButton({ service, id }: Which) {
  const { t } = useTranslation();
  const { modal } = App.useApp();
  const notice = useNotice();
  const queries = useQueryClient();

  const drain = useMutation({
    mutationFn: async () =>
      bodyOf(
        await registry.POST('/v1/services/{service}/instances/{id}/drain', {
          params: { path: { service, id }, query: { wait: DRAIN_WAIT_SECONDS } },
        }),
      ),
    onSuccess: ({ drained, waiting_for, unknown }) => {
      if (drained) notice.done(t('services.drained', { id }));
      else if (waiting_for.length > 0) {
        notice.warn(t('services.drainWaiting', { id, names: waiting_for.join(', ') }));
      } else if (unknown.length > 0) {
        notice.warn(t('services.drainUnknown', { id, names: unknown.join(', ') }));
      } else notice.warn(t('services.drainUndone', { id }));
    },
    onError: notice.failed,
    onSettled: () => queries.invalidateQueries({ queryKey: ['services', service] }),
  });

  const ask = () =>
    modal.confirm({
      title: t('services.drainTitle'),
      content: (
        <>
          <p className="mono">{id}</p>
          <p>{t('services.drainBody')}</p>
        </>
      ),
      okText: t('services.drain'),
      // Not awaited: the dialog closes and the list shows how it goes.
      onOk: () => drain.mutate(),
    });

  return (
    <Button size="small" loading={drain.isPending} onClick={ask} aria-label={`${t('services.drain')}: ${id}`}>
      {t('services.drain')}
    </Button>
  );
}

/** Takes an instance back that is draining. Not asked twice: it does no harm, and can be undone. */
export function UndrainButton({ service, id }: Which) {
  const { t } = useTranslation();
  const notice = useNotice();
  const queries = useQueryClient();

  const undrain = useMutation({
    mutationFn: () =>
      registry.DELETE('/v1/services/{service}/instances/{id}/drain', {
        params: { path: { service, id } },
      }),
    onSuccess: () => notice.done(t('services.undrained', { id })),
    onError: notice.failed,
    onSettled: () => queries.invalidateQueries({ queryKey: ['services', service] }),
  });

  return (
    <Button
      size="small"
      loading={undrain.isPending}
      onClick={() => undrain.mutate()}
      aria-label={`${t('services.undrain')}: ${id}`}
    >
      {t('services.undrain')}
    </Button>
  );
}
