import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { Button, Segmented, Select } from 'antd';
import { useTranslation } from 'react-i18next';
import { bodyOf, type CoreSchemas, core } from '@/api/client';
import { useAccess } from '@/app/access';
import { Empty } from '@/components/Empty';
import { Identifier } from '@/components/Identifier';
import { PageHead } from '@/components/PageHead';
import { RecordList } from '@/components/RecordList';
import { PAGE_SIZE, useListState } from '@/components/useListState';
import { When } from '@/components/When';
import { KNOWN_ACTIONS, useAuditWords } from './words';

type AuditEvent = CoreSchemas['AuditEvent'];

/** Who changed what, newest first. */
export default function AuditPage() {
  const { t } = useTranslation();
  const { me, can } = useAccess();
  const words = useAuditWords();
  const list = useListState(['action', 'log']);

  const logs = [
    ...(me.tenant && can('audit:read') ? (['tenant'] as const) : []),
    ...(can('platform.audit:read') ? (['platform'] as const) : []),
  ];
  const log = logs.find((each) => each === list.values.log) ?? logs[0];

  const events = useQuery({
    queryKey: ['audit-events', me.tenant?.id, log, list.values.action, list.cursor],
    queryFn: async ({ signal }) => {
      const query = {
        limit: PAGE_SIZE,
        ...(log ? { log } : {}),
        ...(list.values.action ? { action: list.values.action } : {}),
        ...(list.cursor ? { cursor: list.cursor } : {}),
      };
      return bodyOf(await core.GET('/v1/audit-events', { params: { query }, signal }));
    },
    placeholderData: keepPreviousData,
  });

  return (
    <>
      <PageHead title={t('audit.title')} lead={t('audit.lead')} />
      <div className="filters">
        <Select
          className="grow"
          aria-label={t('audit.filter')}
          placeholder={t('audit.filter')}
          allowClear
          showSearch={{ optionFilterProp: 'label' }}
          value={list.values.action ?? null}
          onChange={(value) => list.filter('action', value ?? undefined)}
          options={KNOWN_ACTIONS.map((action) => ({ value: action, label: words.action(action) }))}
        />
        {logs.length > 1 && (
          <Segmented<string>
            aria-label={t('audit.log')}
            value={log ?? ''}
            onChange={(value) => list.filter('log', value)}
            options={logs.map((each) => ({
              value: each,
              label: each === 'tenant' ? t('audit.logTenant') : t('audit.logPlatform'),
            }))}
          />
        )}
      </div>
      <RecordList
        label={t('audit.title')}
        records={events.data?.items}
        error={events.error}
        onRetry={events.refetch}
        rowKey={({ id }) => id}
        title={{
          key: 'action',
          title: t('audit.action'),
          render: ({ action }) => (
            <span className="nowrap" title={action}>
              {words.action(action)}
            </span>
          ),
        }}
        columns={[
          { key: 'actor', title: t('audit.actor'), render: (event) => <Actor event={event} /> },
          {
            key: 'target',
            title: t('audit.target'),
            render: ({ target_type, target_id }) => (
              <span className="nowrap">
                {target_type ? words.target(target_type) : '–'} {target_id && <Identifier id={target_id} />}
              </span>
            ),
          },
          {
            key: 'address',
            title: t('audit.address'),
            render: ({ address }) => <span className="mono">{address ?? '–'}</span>,
            wideOnly: true,
          },
          { key: 'at', title: t('audit.at'), render: ({ at }) => <When at={at} exact /> },
        ]}
        empty={
          list.values.action ? (
            <Empty title={t('list.filtered')}>
              <Button onClick={list.clear}>{t('action.clearFilters')}</Button>
            </Empty>
          ) : (
            <Empty title={t('audit.empty')} hint={t('audit.emptyHint')} />
          )
        }
        cursor={list.cursor}
        nextCursor={events.data?.next_cursor}
        onPage={list.goTo}
      />
    </>
  );
}

function Actor({ event }: { event: AuditEvent }) {
  const { t } = useTranslation();
  if (event.actor_email) return event.actor_email;
  return event.actor_id ? <Identifier id={event.actor_id} /> : t('audit.system');
}
