import { KeyOutlined, LogoutOutlined, SwapOutlined, TeamOutlined, UpOutlined } from '@ant-design/icons';
import { Dropdown, type MenuProps } from 'antd';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useNavigate } from 'react-router';
import { session } from '@/api/client';
import { useAccess } from '@/app/access';
import { useNotice } from '@/components/useNotice';
import { JoinTenant } from './JoinTenant';

/** Who is signed in, for which tenant; the way to another tenant and the way out. */
export function AccountMenu() {
  const { t } = useTranslation();
  const notice = useNotice();
  const navigate = useNavigate();
  const { me } = useAccess();
  const [isJoining, setJoining] = useState(false);
  const others = me.tenants.filter((tenant) => tenant.id !== me.tenant?.id);
  const name = me.user.name || me.user.email;

  const switchTo = async (id: string, tenantName: string) => {
    try {
      await session.switchTenant(id);
      notice.done(t('account.switched', { name: tenantName }));
    } catch (error) {
      notice.failed(error);
    }
  };
  const signOut = () => {
    session.signOut().catch(() => notice.warn(t('account.signOutFailed')));
  };

  const items: MenuProps['items'] = [
    { key: 'email', type: 'group', label: me.user.email },
    ...(others.length > 0
      ? [
          {
            key: 'tenants',
            type: 'group' as const,
            label: t('account.switchTenant'),
            children: others.map((tenant) => ({
              key: tenant.id,
              icon: <SwapOutlined aria-hidden />,
              label: tenant.is_suspended ? `${tenant.name} (${t('account.suspended')})` : tenant.name,
              disabled: tenant.is_suspended,
              onClick: () => void switchTo(tenant.id, tenant.name),
            })),
          },
        ]
      : []),
    { type: 'divider' },
    {
      key: 'join',
      icon: <TeamOutlined aria-hidden />,
      label: t('account.join'),
      onClick: () => setJoining(true),
    },
    {
      key: 'password',
      icon: <KeyOutlined aria-hidden />,
      label: t('account.changePassword'),
      onClick: () => void navigate('/password'),
    },
    { key: 'out', icon: <LogoutOutlined aria-hidden />, label: t('account.signOut'), onClick: signOut },
  ];

  return (
    <>
      <Dropdown trigger={['click']} placement="topLeft" menu={{ items }}>
        <button type="button" className="person" aria-label={t('account.menu', { name })}>
          <span className="person-mark" aria-hidden>
            {[...name][0]?.toUpperCase()}
          </span>
          <span className="person-words">
            <strong>{name}</strong>
            <span className="quiet small">
              {me.tenant?.name ?? (me.user.is_operator ? t('account.operator') : t('account.noTenant'))}
            </span>
          </span>
          <UpOutlined aria-hidden style={{ marginLeft: 'auto', fontSize: 11 }} />
        </button>
      </Dropdown>
      <JoinTenant open={isJoining} onClose={() => setJoining(false)} />
    </>
  );
}
