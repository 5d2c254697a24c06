import { keepPreviousData, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { App, Button } from 'antd';
import { useTranslation } from 'react-i18next';
import { bodyOf, type CoreSchemas, core } from '@/api/client';
import { Empty } from '@/components/Empty';
import { PageHead } from '@/components/PageHead';
import { RecordList } from '@/components/RecordList';
import { PAGE_SIZE, useListState } from '@/components/useListState';
import { useNotice } from '@/components/useNotice';
import { When } from '@/components/When';
import { deviceOf } from './device';

type Session = CoreSchemas['Session'];

/** Where the caller is signed in. */
export default function SessionsPage() {
  const { t } = useTranslation();
  const list = useListState([], ['-created_at', 'created_at']);
  const sessions = useQuery({
    queryKey: ['sessions', list.sort, list.cursor],
    queryFn: async ({ signal }) => {
      const query = {
        limit: PAGE_SIZE,
        ...(list.sort ? { sort: list.sort } : {}),
        ...(list.cursor ? { cursor: list.cursor } : {}),
      };
      return bodyOf(await core.GET('/v1/sessions', { params: { query }, signal }));
    },
    placeholderData: keepPreviousData,
  });

  return (
    <>
      <PageHead title={t('sessions.title')} lead={t('sessions.lead')} />
      <RecordList
        label={t('sessions.title')}
        records={sessions.data?.items}
        error={sessions.error}
        onRetry={sessions.refetch}
        rowKey={({ id }) => id}
        title={{
          key: 'device',
          title: t('sessions.device'),
          render: (session) => <Device session={session} />,
        }}
        columns={[
          {
            key: 'address',
            title: t('sessions.address'),
            render: ({ address }) => <span className="mono">{address ?? '–'}</span>,
          },
          {
            key: 'started',
            title: t('sessions.started'),
            sort: 'created_at',
            render: ({ created_at }) => <When at={created_at} />,
          },
          {
            key: 'used',
            title: t('sessions.used'),
            render: ({ last_used_at }) => <When at={last_used_at} />,
          },
        ]}
        actions={(session) => !session.is_current && <EndButton id={session.id} />}
        empty={<Empty title={t('sessions.empty')} />}
        cursor={list.cursor}
        nextCursor={sessions.data?.next_cursor}
        onPage={list.goTo}
        sort={list.sort}
        onSort={list.sortBy}
      />
    </>
  );
}

function Device({ session }: { session: Session }) {
  const { t } = useTranslation();
  const device = deviceOf(session.user_agent ?? null);
  return (
    <span className="row" title={session.user_agent ?? undefined}>
      {device ? t('sessions.browserOn', device) : (session.user_agent ?? t('sessions.unknownDevice'))}
      {session.is_current && <span className="tag tag-accent">{t('sessions.current')}</span>}
    </span>
  );
}

function EndButton({ id }: { id: string }) {
  const { t } = useTranslation();
  const { modal } = App.useApp();
  const notice = useNotice();
  const queries = useQueryClient();
  const end = useMutation({
    mutationFn: () => core.DELETE('/v1/sessions/{id}', { params: { path: { id } } }),
    onSuccess: () => {
      notice.done(t('sessions.ended'));
      return queries.invalidateQueries({ queryKey: ['sessions'] });
    },
    onError: notice.failed,
  });
  const ask = () =>
    modal.confirm({
      title: t('sessions.endTitle'),
      content: t('sessions.endBody'),
      okText: t('sessions.end'),
      okButtonProps: { danger: true },
      onOk: () => end.mutateAsync().catch(() => undefined),
    });
  return (
    <Button size="small" loading={end.isPending} onClick={ask}>
      {t('sessions.end')}
    </Button>
  );
}
