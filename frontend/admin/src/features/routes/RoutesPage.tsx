import { PlusOutlined } from '@ant-design/icons';
import { keepPreviousData, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { App, Button, Switch } from 'antd';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { bodyOf, type RegistrySchemas, registry } from '@/api/client';
import { useAccess } from '@/app/access';
import { ActionMenu } from '@/components/ActionMenu';
import { Empty } from '@/components/Empty';
import { PageHead } from '@/components/PageHead';
import { type Column, RecordList } from '@/components/RecordList';
import { PAGE_SIZE, useListState } from '@/components/useListState';
import { useNotice } from '@/components/useNotice';
import { addressOf } from '@/features/services/services';
import { RouteDialog } from './RouteDialog';

export type Route = RegistrySchemas['Route'];

/** The routes that people defined. */
export default function RoutesPage() {
  const { t } = useTranslation();
  const { can } = useAccess();
  const list = useListState([], ['path', '-path']);
  const [editing, setEditing] = useState<Route | 'new'>();
  const routes = useQuery({
    queryKey: ['routes', list.sort, list.cursor],
    queryFn: async ({ signal }) => {
      const query = {
        limit: PAGE_SIZE,
        ...(list.sort ? { sort: list.sort } : {}),
        ...(list.cursor ? { cursor: list.cursor } : {}),
      };
      return bodyOf(await registry.GET('/v1/routes', { params: { query }, signal }));
    },
    placeholderData: keepPreviousData,
  });
  const manages = can('route:manage');

  const columns: Column<Route>[] = [
    {
      key: 'match',
      title: t('routes.hosts'),
      render: ({ hosts }) =>
        hosts.length > 0 ? hosts.join(', ') : <span className="quiet">{t('routes.anyHost')}</span>,
    },
    {
      key: 'methods',
      title: t('routes.methods'),
      render: ({ methods }) =>
        methods.length > 0 ? methods.join(' ') : <span className="quiet">{t('routes.anyMethod')}</span>,
    },
    {
      key: 'service',
      title: t('routes.service'),
      render: ({ service }) => <Link to={addressOf(service)}>{service}</Link>,
    },
    {
      key: 'access',
      title: t('routes.access'),
      render: (route) =>
        route.access === 'public'
          ? t('routes.accessPublic')
          : (route.required_permission ?? t('routes.accessAuthenticated')),
    },
    {
      key: 'enabled',
      title: t('routes.enabled'),
      render: (route) =>
        manages ? (
          <EnabledSwitch route={route} />
        ) : (
          t(route.is_enabled ? 'routes.enabled' : 'routes.disabled')
        ),
    },
  ];

  return (
    <>
      <PageHead
        title={t('routes.title')}
        lead={t('routes.lead')}
        actions={
          manages && (
            <Button type="primary" icon={<PlusOutlined aria-hidden />} onClick={() => setEditing('new')}>
              {t('routes.create')}
            </Button>
          )
        }
      />
      <RecordList
        label={t('routes.title')}
        records={routes.data?.items}
        error={routes.error}
        onRetry={routes.refetch}
        rowKey={({ id }) => id}
        title={{
          key: 'path',
          title: t('routes.path'),
          sort: 'path',
          render: ({ name, path }) => (
            <div>
              <span className="mono">{path}</span>
              {name && <div className="secondary">{name}</div>}
            </div>
          ),
        }}
        columns={columns}
        {...(manages
          ? { actions: (route: Route) => <RouteActions route={route} onEdit={() => setEditing(route)} /> }
          : {})}
        empty={<Empty title={t('routes.empty')} hint={t('routes.emptyHint')} />}
        cursor={list.cursor}
        nextCursor={routes.data?.next_cursor}
        onPage={list.goTo}
        sort={list.sort}
        onSort={list.sortBy}
      />
      <RouteDialog route={editing} onClose={() => setEditing(undefined)} />
    </>
  );
}

function EnabledSwitch({ route }: { route: Route }) {
  const { t } = useTranslation();
  const notice = useNotice();
  const queries = useQueryClient();
  const set = useMutation({
    mutationFn: (isEnabled: boolean) =>
      registry.PATCH('/v1/routes/{id}', {
        params: { path: { id: route.id } },
        body: { is_enabled: isEnabled },
      }),
    onSettled: () => queries.invalidateQueries({ queryKey: ['routes'] }),
    onError: notice.failed,
  });
  return (
    <Switch
      checked={set.isPending ? set.variables : route.is_enabled}
      loading={set.isPending}
      onChange={(isEnabled) => set.mutate(isEnabled)}
      aria-label={t('routes.enable', { path: route.path })}
    />
  );
}

function RouteActions({ route, onEdit }: { route: Route; onEdit: () => void }) {
  const { t } = useTranslation();
  const { modal } = App.useApp();
  const notice = useNotice();
  const queries = useQueryClient();
  const { id, path } = route;
  const remove = useMutation({
    mutationFn: () => registry.DELETE('/v1/routes/{id}', { params: { path: { id } } }),
    onSuccess: () => {
      notice.done(t('routes.deleted', { path }));
      return queries.invalidateQueries({ queryKey: ['routes'] });
    },
    onError: notice.failed,
  });
  const askDelete = () =>
    modal.confirm({
      title: t('routes.deleteTitle', { path }),
      content: t('routes.deleteBody'),
      okText: t('action.delete'),
      okButtonProps: { danger: true },
      onOk: () => remove.mutateAsync().catch(() => undefined),
    });
  return (
    <ActionMenu
      of={path}
      actions={[
        { key: 'edit', label: t('action.edit'), onClick: onEdit },
        { key: 'delete', label: t('action.delete'), danger: true, onClick: askDelete },
      ]}
    />
  );
}
