import { PlusOutlined } from '@ant-design/icons';
import { keepPreviousData, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { App, Button, Select } from 'antd';
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
import { ShownOnce } from '@/components/ShownOnce';
import { PAGE_SIZE, useListState } from '@/components/useListState';
import { useNotice } from '@/components/useNotice';
import { When } from '@/components/When';
import { AddMember, ChangeRole } from './dialogs';
import { Invitations } from './Invitations';
import { ROLES, rolesInReachOf } from './roles';

export type Member = CoreSchemas['Member'];
type Added = CoreSchemas['AddedMember'];

/** Who belongs to the tenant that the caller acts for. */
export default function MembersPage() {
  const { t } = useTranslation();
  const { me, can } = useAccess();
  const list = useListState(['q', 'role'], ['created_at', '-created_at']);
  const [isAdding, setAdding] = useState(false);
  const [changing, setChanging] = useState<Member>();
  const [added, setAdded] = useState<Added>();
  const role = ROLES.find((each) => each === list.values.role);

  const members = useQuery({
    queryKey: ['members', me.tenant?.id, list.values.q, role, list.sort, list.cursor],
    queryFn: async ({ signal }) => {
      const query = {
        limit: PAGE_SIZE,
        ...(list.sort ? { sort: list.sort } : {}),
        ...(list.values.q ? { q: list.values.q } : {}),
        ...(role ? { role } : {}),
        ...(list.cursor ? { cursor: list.cursor } : {}),
      };
      return bodyOf(await core.GET('/v1/members', { params: { query }, signal }));
    },
    placeholderData: keepPreviousData,
  });

  return (
    <>
      <PageHead
        title={t('members.title')}
        lead={t('members.lead', { tenant: me.tenant?.name ?? '' })}
        actions={
          can('member:create') && (
            <Button type="primary" icon={<PlusOutlined aria-hidden />} onClick={() => setAdding(true)}>
              {t('members.add')}
            </Button>
          )
        }
      />
      <div className="filters">
        <SearchField
          label={t('members.search')}
          value={list.values.q}
          onSearch={(value) => list.filter('q', value)}
        />
        <Select
          aria-label={t('members.role')}
          placeholder={t('members.role')}
          allowClear
          style={{ minWidth: 150 }}
          value={role ?? null}
          onChange={(value) => list.filter('role', value ?? undefined)}
          options={ROLES.map((each) => ({ value: each, label: t(`role.${each}`) }))}
        />
      </div>
      <RecordList
        label={t('members.title')}
        records={members.data?.items}
        error={members.error}
        onRetry={members.refetch}
        rowKey={({ id }) => id}
        title={{
          key: 'person',
          title: t('members.person'),
          render: (member) => (
            <div>
              <span className="row">
                {member.name || member.email}
                {member.user_id === me.user.id && <span className="tag">{t('members.you')}</span>}
                {member.status !== 'active' && <span className="tag">{t(`members.${member.status}`)}</span>}
              </span>
              {member.name && <div className="secondary">{member.email}</div>}
            </div>
          ),
        }}
        columns={[
          {
            key: 'role',
            title: t('members.role'),
            render: (member) => (
              <span className={member.role === 'owner' ? 'tag tag-accent' : 'tag'}>
                {t(`role.${member.role}`)}
              </span>
            ),
          },
          {
            key: 'login',
            title: t('members.lastLogin'),
            render: ({ last_login_at }) =>
              last_login_at ? <When at={last_login_at} /> : <span className="quiet">{t('time.never')}</span>,
          },
          {
            key: 'since',
            title: t('members.since'),
            sort: 'created_at',
            render: ({ created_at }) => <When at={created_at} />,
          },
        ]}
        actions={(member) => <MemberActions member={member} onChangeRole={() => setChanging(member)} />}
        empty={
          list.isFiltered ? (
            <Empty title={t('list.filtered')}>
              <Button onClick={list.clear}>{t('action.clearFilters')}</Button>
            </Empty>
          ) : (
            <Empty title={t('members.empty')} hint={t('members.emptyHint')} />
          )
        }
        cursor={list.cursor}
        nextCursor={members.data?.next_cursor}
        onPage={list.goTo}
        sort={list.sort}
        onSort={list.sortBy}
      />
      {can('member:create') && <Invitations />}
      <AddMember open={isAdding} onClose={() => setAdding(false)} onAdded={setAdded} />
      <ChangeRole member={changing} onClose={() => setChanging(undefined)} />
      <OneTimePassword
        of={added?.member?.name || added?.member?.email || ''}
        password={added?.one_time_password ?? undefined}
        onDone={() => setAdded(undefined)}
      />
      <ShownOnce
        title={t('invitations.codeTitle', { email: added?.invitation?.email ?? '' })}
        lead={t('invitations.codeLead')}
        label={t('invitations.code')}
        secret={added?.invitation?.code}
        onDone={() => setAdded(undefined)}
      />
    </>
  );
}

function MemberActions({ member, onChangeRole }: { member: Member; onChangeRole: () => void }) {
  const { t } = useTranslation();
  const { me, can } = useAccess();
  const { modal } = App.useApp();
  const notice = useNotice();
  const queries = useQueryClient();
  const name = member.name || member.email;
  const inReach = rolesInReachOf(me.roles).includes(member.role);

  const remove = useMutation({
    mutationFn: () => core.DELETE('/v1/members/{id}', { params: { path: { id: member.id } } }),
    onSuccess: () => {
      notice.done(t('members.removed', { name }));
      return queries.invalidateQueries({ queryKey: ['members'] });
    },
    onError: notice.failed,
  });
  const askRemove = () =>
    modal.confirm({
      title: t('members.removeTitle', { name }),
      content: t('members.removeBody'),
      okText: t('action.remove'),
      okButtonProps: { danger: true },
      onOk: () => remove.mutateAsync().catch(() => undefined),
    });

  return (
    <ActionMenu
      of={name}
      actions={[
        inReach &&
          can('member:update') && {
            key: 'role',
            label: t('members.changeRole', { name }),
            onClick: onChangeRole,
          },
        inReach &&
          can('member:delete') && {
            key: 'remove',
            label: t('members.remove'),
            danger: true,
            onClick: askRemove,
          },
      ]}
    />
  );
}
