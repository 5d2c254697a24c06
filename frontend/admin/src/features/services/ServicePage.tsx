import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Alert, App, Button } from 'antd';
import { useTranslation } from 'react-i18next';
import { useParams } from 'react-router';
import { registry } from '@/api/client';
import { asApiError } from '@/api/problem';
import { useAccess } from '@/app/access';
import { Empty } from '@/components/Empty';
import { Live } from '@/components/Live';
import { PageHead } from '@/components/PageHead';
import { ProblemNotice } from '@/components/ProblemNotice';
import { Splash } from '@/components/Splash';
import { useNotice } from '@/components/useNotice';
import { ServiceHealth } from './Health';
import { InstanceList } from './InstanceList';
import { isOurOwn, type Service, serviceQuery } from './services';

/** One service and its instances, live. */
export default function ServicePage() {
  const { t } = useTranslation();
  const { can } = useAccess();
  const name = useParams().service ?? '';
  const service = useQuery(serviceQuery(name));
  const back = { to: '/services', label: t('services.title') };

  if (service.data === undefined) {
    if (!service.isError) return <Splash />;
    return (
      <>
        <PageHead title={name} back={back} />
        {asApiError(service.error).status === 404 ? (
          <div className="card">
            <Empty title={t('services.notFound')} />
          </div>
        ) : (
          <ProblemNotice error={service.error} onRetry={service.refetch} />
        )}
      </>
    );
  }

  return (
    <>
      <PageHead
        title={name}
        back={back}
        lead={<ServiceHealth service={service.data} />}
        actions={
          <>
            <Live isLost={service.failureCount > 0} updatedAt={service.dataUpdatedAt} />
            {can('registry:manage') && !isOurOwn(service.data) && <TakeOutButton service={service.data} />}
          </>
        }
      />
      <div className="stack">
        {!service.data.is_active && <Alert type="warning" showIcon title={t('services.takenOutNote')} />}
        <InstanceList service={name} />
      </div>
    </>
  );
}

function TakeOutButton({ service }: { service: Service }) {
  const { t } = useTranslation();
  const { modal } = App.useApp();
  const notice = useNotice();
  const queries = useQueryClient();
  const { name } = service;

  const set = useMutation({
    mutationFn: (isActive: boolean) =>
      registry.PATCH('/v1/services/{service}', {
        params: { path: { service: name } },
        body: { is_active: isActive },
      }),
    onSuccess: (_, isActive) => {
      notice.done(isActive ? t('services.takenIn', { name }) : t('services.takenOut', { name }));
      return queries.invalidateQueries({ queryKey: ['services'] });
    },
    onError: notice.failed,
  });

  if (!service.is_active) {
    return (
      <Button type="primary" loading={set.isPending} onClick={() => set.mutate(true)}>
        {t('services.takeIn')}
      </Button>
    );
  }
  const ask = () =>
    modal.confirm({
      title: t('services.takeOutTitle', { name }),
      content: t('services.takeOutBody'),
      okText: t('services.takeOut'),
      okButtonProps: { danger: true },
      onOk: () => set.mutateAsync(false).catch(() => undefined),
    });
  return (
    <Button danger loading={set.isPending} onClick={ask}>
      {t('services.takeOut')}
    </Button>
  );
}
