import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { App, Button } from 'antd';
import { useTranslation } from 'react-i18next';
import { bodyOf, registry } from '@/api/client';
import { useAccess } from '@/app/access';
import { Empty } from '@/components/Empty';
import { type Column, RecordList } from '@/components/RecordList';
import { State } from '@/components/State';
import { useNotice } from '@/components/useNotice';
import { When } from '@/components/When';
import { type Instance, instancesQuery, TONE_OF_STATUS } from './services';

/** How long a drain is waited for, in seconds. */
const DRAIN_WAIT_SECONDS = 30;

export function InstanceList({ service }: { service: string }) {
  const { t } = useTranslation();
  const { can } = useAccess();
  const instances = useQuery(instancesQuery(service));

  const columns: Column<Instance>[] = [
    {
      key: 'status',
      title: t('services.status'),
      render: ({ status, check_passing }) => (
        <State tone={TONE_OF_STATUS[status]}>
          {t(`services.${status}`)}
          {status === 'down' && <span className="quiet small">{t(downBecause(check_passing))}</span>}
        </State>
      ),
    },
    {
      key: 'address',
      title: t('services.address'),
      render: ({ address, port }) => (
        <span className="mono">{address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`}</span>
      ),
    },
    { key: 'version', title: t('services.version'), render: ({ version }) => version ?? '–' },
    { key: 'zone', title: t('services.zone'), render: ({ zone }) => zone ?? '–' },
    { key: 'weight', title: t('services.weight'), align: 'number', render: ({ weight }) => weight },
    {
      key: 'lease',
      title: t('services.lease'),
      render: ({ lease_seconds }) => t('services.leaseSeconds', { seconds: lease_seconds }),
    },
    {
      key: 'registered',
      title: t('services.registered'),
      render: ({ registered_at }) => <When at={registered_at} />,
      wideOnly: true,
    },
  ];

  return (
    <RecordList
      label={t('services.instances')}
      records={instances.data}
      error={instances.error}
      onRetry={instances.refetch}
      rowKey={({ id }) => id}
      title={{
        key: 'id',
        title: t('services.instance'),
        render: ({ id }) => <span className="mono">{id}</span>,
      }}
      columns={columns}
      {...(can('registry:manage')
        ? { actions: (instance: Instance) => <DrainButton service={service} instance={instance} /> }
        : {})}
      empty={<Empty title={t('services.noInstances')} hint={t('services.noInstancesHint')} />}
    />
  );
}

/** An instance is down because its check fails, or because it has not been checked yet. */
function downBecause(checkPassing: boolean | null | undefined) {
  return checkPassing === false ? 'services.checkFails' : 'services.checkPending';
}

function DrainButton({ service, instance }: { service: string; instance: Instance }) {
  const { t } = useTranslation();
  const { modal } = App.useApp();
  const notice = useNotice();
  const queries = useQueryClient();
  const { id } = instance;

  const drain = useMutation({
    mutationFn: async () =>
      bodyOf(
        await registry.POST('/v1/services/{service}/instances/{id}/drain', {
          params: { path: { service, id }, query: { wait: DRAIN_WAIT_SECONDS } },
        }),
      ),
    onSuccess: (answer) => {
      if (answer.drained) notice.done(t('services.drained', { id }));
      else if (answer.waiting_for.length > 0) {
        notice.warn(t('services.drainWaiting', { id, names: answer.waiting_for.join(', ') }));
      } else notice.warn(t('services.drainUnknown', { id, names: answer.unknown.join(', ') }));
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
    <Button
      size="small"
      loading={drain.isPending}
      disabled={instance.status === 'draining' && !drain.isPending}
      onClick={ask}
      aria-label={`${t('services.drain')}: ${id}`}
    >
      {t('services.drain')}
    </Button>
  );
}
