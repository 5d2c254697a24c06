import { PlusOutlined } from '@ant-design/icons';
import { keepPreviousData, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { App, Button, Segmented } from 'antd';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { bodyOf, type CoreSchemas, core } from '@/api/client';
import { useAccess } from '@/app/access';
import { ActionMenu } from '@/components/ActionMenu';
import { Empty } from '@/components/Empty';
import { OneTimePassword } from '@/components/OneTimePassword';
import { PageHead } from '@/components/PageHead';
import { RecordList } from '@/components/RecordList';
import { SearchField } from '@/components/SearchField';
import { State } from '@/components/State';
import { PAGE_SIZE, useListState } from '@/components/useListState';
import { useNotice } from '@/components/useNotice';
import { When } from '@/components/When';
import { CreateTenant, RenameTenant } from './dialogs';

export type Tenant = CoreSchemas['Tenant'];

const STATUSES = ['active', 'suspended'] as const;

/** The operator's view of all tenants. */
export default function TenantsPage() {
  const { t } = useTranslation();
  const { can } = useAccess();
  const list = useListState(['q', 'status'], ['-created_at', 'created_at']);
  const [isCreating, setCreating] = useState(false);
  const [renaming, setRenaming] = useState<Tenant>();
  const [handOver, setHandOver] = useState<{ of: string; password: string }>();
  const status = STATUSES.find((each) => each === list.values.status);

  const tenants = useQuery({
    queryKey: ['tenants', list.values.q, status, list.sort, list.cursor],
    queryFn: async ({ signal }) => {
      const query = {
        limit: PAGE_SIZE,
        ...(list.sort ? { sort: list.sort } : {}),
        ...(list.values.q ? { q: list.values.q } : {}),
        ...(status ? { status } : {}),
        ...(list.cursor ? { cursor: list.cursor } : {}),
      };
      return bodyOf(await core.GET('/v1/tenants', { params: { query }, signal }));
    },
    placeholderData: keepPreviousData,
  });
  const manages = can('platform.tenant:manage');

  return (
    <>
      <PageHead
        title={t('tenants.title')}
        lead={t('tenants.lead')}
        actions={
          manages && (
            <Button type="primary" icon={<PlusOutlined aria-hidden />} onClick={() => setCreating(true)}>
              {t('tenants.create')}
            </Button>
          )
        }
      />
      <div className="filters">
        <SearchField
          label={t('tenants.search')}
          value={list.values.q}
          onSearch={(value) => list.filter('q', value)}
        />
        <Segmented<string>
          aria-label={t('tenants.status')}
          value={status ?? ''}
          onChange={(value) => list.filter('status', value)}
          options={[
            { value: '', label: t('list.all') },
            ...STATUSES.map((each) => ({ value: each, label: t(`tenants.${each}`) })),
          ]}
        />
      </div>
      <RecordList
        label={t('tenants.title')}
        records={tenants.data?.items}
        error={tenants.error}
        onRetry={tenants.refetch}
        rowKey={({ id }) => id}
        title={{ key: 'name', title: t('tenants.name'), render: ({ name }) => name }}
        columns={[
          {
            key: 'slug',
            title: t('tenants.slug'),
            render: ({ slug }) => <span className="mono quiet">{slug}</span>,
          },
          {
            key: 'status',
            title: t('tenants.status'),
            render: (tenant) => (
              <State tone={tenant.status === 'active' ? 'good' : 'warn'}>
                {t(`tenants.${tenant.status}`)}
              </State>
            ),
          },
          {
            key: 'created',
            title: t('tenants.created'),
            sort: 'created_at',
            render: ({ created_at }) => <When at={created_at} />,
          },
        ]}
        {...(manages
          ? {
              actions: (tenant: Tenant) => (
                <TenantActions tenant={tenant} onRename={() => setRenaming(tenant)} />
              ),
            }
          : {})}
        empty={
          list.isFiltered ? (
            <Empty title={t('list.filtered')}>
              <Button onClick={list.clear}>{t('action.clearFilters')}</Button>
            </Empty>
          ) : (
            <Empty title={t('tenants.empty')} hint={t('tenants.emptyHint')} />
          )
        }
        cursor={list.cursor}
        nextCursor={tenants.data?.next_cursor}
        onPage={list.goTo}
        sort={list.sort}
        onSort={list.sortBy}
      />
      <CreateTenant
        open={isCreating}
        onClose={() => setCreating(false)}
        onCreated={({ one_time_password }, of) => {
          if (one_time_password) setHandOver({ of, password: one_time_password });
        }}
      />
      <OneTimePassword
        of={handOver?.of ?? ''}
        password={handOver?.password}
        onDone={() => setHandOver(undefined)}
      />
      <RenameTenant tenant={renaming} onClose={() => setRenaming(undefined)} />
    </>
  );
}

function TenantActions({ tenant, onRename }: { tenant: Tenant; onRename: () => void }) {
  const { t } = useTranslation();
  const { modal } = App.useApp();
  const notice = useNotice();
  const queries = useQueryClient();
  const { id, name } = tenant;

  const change = useMutation({
    mutationFn: (to: 'suspend' | 'activate') =>
      to === 'suspend'
        ? core.POST('/v1/tenants/{id}/suspend', { params: { path: { id } } })
        : core.POST('/v1/tenants/{id}/activate', { params: { path: { id } } }),
    onSuccess: (_, to) => {
      notice.done(
        to === 'suspend' ? t('tenants.wasSuspended', { name }) : t('tenants.wasActivated', { name }),
      );
      return queries.invalidateQueries({ queryKey: ['tenants'] });
    },
    onError: notice.failed,
  });
  const askSuspend = () =>
    modal.confirm({
      title: t('tenants.suspendTitle', { name }),
      content: t('tenants.suspendBody'),
      okText: t('tenants.suspend'),
      okButtonProps: { danger: true },
      onOk: () => change.mutateAsync('suspend').catch(() => undefined),
    });

  return (
    <ActionMenu
      of={name}
      actions={[
        { key: 'rename', label: t('tenants.rename'), onClick: onRename },
        tenant.status === 'active'
          ? { key: 'suspend', label: t('tenants.suspend'), danger: true, onClick: askSuspend }
          : { key: 'activate', label: t('tenants.activate'), onClick: () => change.mutate('activate') },
      ]}
    />
  );
}
