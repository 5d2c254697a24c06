import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Form, Input } from 'antd';
import { useTranslation } from 'react-i18next';
import { bodyOf, type CoreSchemas, core } from '@/api/client';
import { FormDialog } from '@/components/FormDialog';
import { useNotice } from '@/components/useNotice';
import { NAME_MAX, useRules } from '@/components/useRules';

type CreateTenantValues = { name: string; slug?: string; owner_email?: string };
type Tenant = CoreSchemas['Tenant'];
type Created = CoreSchemas['CreatedTenant'];

export function CreateTenant(props: {
  open: boolean;
  onClose: () => void;
  onCreated: (created: Created, ownerEmail: string) => void;
}) {
  const { t } = useTranslation();
  const rules = useRules();
  const notice = useNotice();
  const queries = useQueryClient();

  const submit = async ({ name, slug, owner_email }: CreateTenantValues) => {
    const body = {
      name: name.trim(),
      ...(slug?.trim() ? { slug: slug.trim() } : {}),
      ...(owner_email?.trim() ? { owner_email: owner_email.trim() } : {}),
    };
    const created = bodyOf(await core.POST('/v1/tenants', { body }));
    props.onClose();
    props.onCreated(created, body.owner_email ?? '');
    notice.done(t('tenants.wasCreated', { name: created.name }));
    // The caller may be its owner, and can then switch to it.
    await Promise.all([
      queries.invalidateQueries({ queryKey: ['tenants'] }),
      queries.invalidateQueries({ queryKey: ['me'] }),
    ]);
  };

  return (
    <FormDialog<CreateTenantValues>
      title={t('tenants.create')}
      submit={t('action.create')}
      open={props.open}
      onClose={props.onClose}
      onSubmit={submit}
      initial={{}}
    >
      <Form.Item name="name" label={t('tenants.name')} rules={rules.name}>
        <Input autoFocus maxLength={NAME_MAX} />
      </Form.Item>
      <Form.Item
        name="slug"
        label={t('tenants.slug')}
        extra={t('tenants.slugHint')}
        rules={[{ pattern: /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/, message: t('tenants.slugRule') }]}
      >
        <Input maxLength={63} className="mono" />
      </Form.Item>
      <Form.Item
        name="owner_email"
        label={t('tenants.ownerEmail')}
        extra={t('tenants.ownerHint')}
        rules={rules.optionalEmail}
      >
        <Input type="email" maxLength={254} />
      </Form.Item>
    </FormDialog>
  );
}

export function RenameTenant({ tenant, onClose }: { tenant: Tenant | undefined; onClose: () => void }) {
  const { t } = useTranslation();
  const rules = useRules();
  const notice = useNotice();
  const queries = useQueryClient();

  // Read when the dialog opens: the change is refused if somebody else's came in between.
  const fresh = useQuery({
    queryKey: ['tenants', 'one', tenant?.id],
    queryFn: async ({ signal }) => {
      const answer = await core.GET('/v1/tenants/{id}', {
        params: { path: { id: tenant?.id ?? '' } },
        signal,
      });
      return { tenant: bodyOf(answer), etag: answer.response.headers.get('etag') };
    },
    enabled: tenant !== undefined,
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
  });

  const submit = async ({ name }: { name: string }) => {
    if (fresh.data === undefined) return;
    const { tenant: before, etag } = fresh.data;
    try {
      const renamed = bodyOf(
        await core.PATCH('/v1/tenants/{id}', {
          params: { path: { id: before.id }, header: etag ? { 'If-Match': etag } : {} },
          body: { name: name.trim() },
        }),
      );
      onClose();
      notice.done(t('tenants.wasRenamed', { name: renamed.name }));
    } finally {
      // Also after a refusal: what is shown may be what was refused.
      void queries.invalidateQueries({ queryKey: ['tenants'] });
      void queries.invalidateQueries({ queryKey: ['me'] });
    }
  };

  return (
    <FormDialog<{ name: string }>
      title={t('tenants.rename')}
      submit={t('action.save')}
      open={tenant !== undefined}
      loading={fresh.isPending}
      error={fresh.error}
      onClose={onClose}
      onSubmit={submit}
      initial={{ name: fresh.data?.tenant.name ?? '' }}
    >
      <Form.Item name="name" label={t('tenants.name')} rules={rules.name}>
        <Input autoFocus maxLength={NAME_MAX} />
      </Form.Item>
    </FormDialog>
  );
}
