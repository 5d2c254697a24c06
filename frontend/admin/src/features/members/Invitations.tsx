import { keepPreviousData, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { App, Button } from 'antd';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { bodyOf, type CoreSchemas, core } from '@/api/client';
import { useAccess } from '@/app/access';
import { RecordList } from '@/components/RecordList';
import { PAGE_SIZE } from '@/components/useListState';
import { useNotice } from '@/components/useNotice';
import { When } from '@/components/When';
import { rolesInReachOf } from './roles';

type Invitation = CoreSchemas['Invitation'];

/** Who was invited and has not joined yet. Nobody: nothing to see. */
export function Invitations() {
  const { t } = useTranslation();
  const { me } = useAccess();
  const [cursor, setCursor] = useState<string>();

  const invitations = useQuery({
    queryKey: ['invitations', me.tenant?.id, cursor],
    queryFn: async ({ signal }) => {
      const query = { limit: PAGE_SIZE, ...(cursor ? { cursor } : {}) };
      return bodyOf(await core.GET('/v1/invitations', { params: { query }, signal }));
    },
    placeholderData: keepPreviousData,
  });
  const { data, error } = invitations;
  if (!error && !cursor && !data?.items.length) return null;

  return (
    <section className="more-records" aria-labelledby="invitations">
      <h2 id="invitations">{t('invitations.title')}</h2>
      <RecordList
        label={t('invitations.title')}
        records={data?.items}
        error={error}
        onRetry={invitations.refetch}
        rowKey={({ id }) => id}
        title={{ key: 'email', title: t('members.email'), render: ({ email }) => email }}
        columns={[
          {
            key: 'role',
            title: t('members.role'),
            render: ({ role }) => <span className="tag">{t(`role.${role}`)}</span>,
          },
          {
            key: 'expires',
            title: t('invitations.expires'),
            render: ({ expires_at }) => <When at={expires_at} />,
          },
        ]}
        actions={(invitation) =>
          rolesInReachOf(me.roles).includes(invitation.role) && <WithdrawButton invitation={invitation} />
        }
        empty={<p className="card-body quiet">{t('invitations.empty')}</p>}
        cursor={cursor}
        nextCursor={data?.next_cursor}
        onPage={(next) => setCursor(next ?? undefined)}
      />
    </section>
  );
}

function WithdrawButton({ invitation: { id, email } }: { invitation: Invitation }) {
  const { t } = useTranslation();
  const { modal } = App.useApp();
  const notice = useNotice();
  const queries = useQueryClient();
  const withdraw = useMutation({
    mutationFn: () => core.DELETE('/v1/invitations/{id}', { params: { path: { id } } }),
    onSuccess: () => notice.done(t('invitations.withdrawn', { email })),
    onError: notice.failed,
    // Whoever failed to withdraw it sees why: it was accepted, say.
    onSettled: () => queries.invalidateQueries({ queryKey: ['invitations'] }),
  });
  const ask = () =>
    modal.confirm({
      title: t('invitations.withdrawTitle', { email }),
      content: t('invitations.withdrawBody'),
      okText: t('invitations.withdraw'),
      okButtonProps: { danger: true },
      onOk: () => withdraw.mutateAsync().catch(() => undefined),
    });
  return (
    <Button
      size="small"
      loading={withdraw.isPending}
      onClick={ask}
      aria-label={`${t('invitations.withdraw')}: ${email}`}
    >
      {t('invitations.withdraw')}
    </Button>
  );
}
