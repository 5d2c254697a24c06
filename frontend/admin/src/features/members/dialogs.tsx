import { useQueryClient } from '@tanstack/react-query';
import { Form, Input, Radio } from 'antd';
import { useTranslation } from 'react-i18next';
import { bodyOf, type CoreSchemas, core } from '@/api/client';
import { useAccess } from '@/app/access';
import { FormDialog } from '@/components/FormDialog';
import { useNotice } from '@/components/useNotice';
import { NAME_MAX, useRules } from '@/components/useRules';
import { type Role, rolesInReachOf } from './roles';

type Member = CoreSchemas['Member'];
type Added = CoreSchemas['AddedMember'];
type AddValues = { email: string; name?: string; role: Role };

export function AddMember(props: { open: boolean; onClose: () => void; onAdded: (added: Added) => void }) {
  const { t } = useTranslation();
  const rules = useRules();
  const notice = useNotice();
  const queries = useQueryClient();

  const submit = async ({ email, name, role }: AddValues) => {
    const body = { email: email.trim(), role, ...(name?.trim() ? { name: name.trim() } : {}) };
    const added = bodyOf(await core.POST('/v1/members', { body }));
    props.onClose();
    props.onAdded(added);
    const { member, invitation } = added;
    if (member) notice.done(t('members.added', { name: member.name || member.email }));
    if (invitation) notice.done(t('invitations.made', { email: invitation.email }));
    await queries.invalidateQueries({ queryKey: [invitation ? 'invitations' : 'members'] });
  };

  return (
    <FormDialog<AddValues>
      title={t('members.add')}
      submit={t('action.add')}
      open={props.open}
      onClose={props.onClose}
      onSubmit={submit}
      initial={{ role: 'member' }}
    >
      <Form.Item name="email" label={t('members.email')} rules={rules.email}>
        <Input type="email" autoFocus maxLength={254} />
      </Form.Item>
      <Form.Item
        name="name"
        label={t('members.name')}
        extra={t('members.nameHint')}
        rules={rules.optionalName}
      >
        <Input maxLength={NAME_MAX} />
      </Form.Item>
      <RoleField />
    </FormDialog>
  );
}

export function ChangeRole({ member, onClose }: { member: Member | undefined; onClose: () => void }) {
  const { t } = useTranslation();
  const notice = useNotice();
  const queries = useQueryClient();
  const name = member?.name || member?.email || '';

  const submit = async ({ role }: { role: Role }) => {
    if (member === undefined) return;
    await core.PATCH('/v1/members/{id}', { params: { path: { id: member.id } }, body: { role } });
    onClose();
    notice.done(t('members.roleChanged', { name, role: t(`role.${role}`) }));
    await queries.invalidateQueries({ queryKey: ['members'] });
  };

  return (
    <FormDialog<{ role: Role }>
      title={t('members.changeRole', { name })}
      submit={t('action.save')}
      open={member !== undefined}
      onClose={onClose}
      onSubmit={submit}
      initial={member ? { role: member.role } : {}}
    >
      <RoleField />
    </FormDialog>
  );
}

/** The roles that the caller may give, with what each one means. */
function RoleField() {
  const { t } = useTranslation();
  const { me } = useAccess();
  return (
    <Form.Item name="role" label={t('members.role')}>
      <Radio.Group
        vertical
        options={rolesInReachOf(me.roles).map((role) => ({
          value: role,
          label: (
            <>
              {t(`role.${role}`)} <span className="quiet small">{t(`roleHint.${role}`)}</span>
            </>
          ),
        }))}
      />
    </Form.Item>
  );
}
