import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { useAccess } from '@/app/access';
import { Empty } from '@/components/Empty';
import { type Column, RecordList } from '@/components/RecordList';
import { State } from '@/components/State';
import { When } from '@/components/When';
import { DrainButton, UndrainButton } from './drain';
import { type Instance, instancesQuery, TONE_OF_STATUS } from './services';

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
        ? {
            actions: ({ id, status }: Instance) =>
              status === 'draining' ? (
                <UndrainButton service={service} id={id} />
              ) : (
                <DrainButton service={service} id={id} />
              ),
          }
        : {})}
      empty={<Empty title={t('services.noInstances')} hint={t('services.noInstancesHint')} />}
    />
  );
}

/** An instance is down because its check fails, or because it has not been checked yet. */
function downBecause(checkPassing: boolean | null | undefined) {
  return checkPassing === false ? 'services.checkFails' : 'services.checkPending';
}
