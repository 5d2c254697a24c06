import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { useAccess } from '@/app/access';
import { PageHead } from '@/components/PageHead';
import { isRole } from '@/features/members/roles';

export function TenantOverview() {
  const { t } = useTranslation();
  const { me, can } = useAccess();
  return (
    <>
      <PageHead
        title={t('overview.title')}
        lead={t('overview.welcome', { name: me.user.name || me.user.email })}
      />
      <section className="card card-body" style={{ maxWidth: 620 }}>
        {me.tenant ? (
          <div className="stack">
            <dl className="facts">
              <dt>{t('overview.yourTenant')}</dt>
              <dd>
                <strong>{me.tenant.name}</strong> <span className="quiet mono">{me.tenant.slug}</span>
              </dd>
              <dt>{t('overview.yourRole')}</dt>
              <dd>{me.roles.map((role) => (isRole(role) ? t(`role.${role}`) : role)).join(', ')}</dd>
            </dl>
            <div className="row">
              {can('member:read') && <Link to="/members">{t('overview.goMembers')}</Link>}
              <Link to="/sessions">{t('overview.goSessions')}</Link>
            </div>
          </div>
        ) : (
          <p>{t('overview.noTenantYet')}</p>
        )}
      </section>
    </>
  );
}
