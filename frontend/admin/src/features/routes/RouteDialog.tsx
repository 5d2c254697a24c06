import { useQuery, useQueryClient } from '@tanstack/react-query';
import { AutoComplete, Form, Input, Select, Switch } from 'antd';
import { useTranslation } from 'react-i18next';
import { bodyOf, type RegistrySchemas, registry } from '@/api/client';
import { FormDialog } from '@/components/FormDialog';
import { useNotice } from '@/components/useNotice';
import { useRules } from '@/components/useRules';
import { servicesQuery } from '@/features/services/services';

type Route = RegistrySchemas['Route'];

interface RouteValues {
  name: string | null;
  path: string;
  hosts: string[];
  methods: string[];
  service: string;
  access: Route['access'];
  required_permission: string | null;
  strip_path: boolean;
  strict: boolean;
  forward_token: boolean;
}

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

const NEW: RouteValues = {
  name: null,
  path: '',
  hosts: [],
  methods: [],
  service: '',
  access: 'authenticated',
  required_permission: null,
  strip_path: true,
  strict: false,
  forward_token: false,
};

/** Makes a route, or changes one. */
export function RouteDialog({ route, onClose }: { route: Route | 'new' | undefined; onClose: () => void }) {
  const { t } = useTranslation();
  const rules = useRules();
  const notice = useNotice();
  const queries = useQueryClient();
  const services = useQuery({ ...servicesQuery(), enabled: route !== undefined, refetchInterval: false });
  const isNew = route === 'new';

  const id = route === undefined || route === 'new' ? undefined : route.id;

  // Read when the dialog opens: the change is refused if somebody else's came in between.
  const fresh = useQuery({
    queryKey: ['routes', 'one', id],
    queryFn: async ({ signal }) => {
      const answer = await registry.GET('/v1/routes/{id}', { params: { path: { id: id ?? '' } }, signal });
      return { route: bodyOf(answer), etag: answer.response.headers.get('etag') };
    },
    enabled: id !== undefined,
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
  });

  const submit = async (values: RouteValues) => {
    const body = {
      ...values,
      name: values.name?.trim() || null,
      path: values.path.trim(),
      hosts: values.hosts.map((host) => host.trim().toLowerCase()),
      required_permission: values.access === 'public' ? null : values.required_permission?.trim() || null,
    };
    try {
      if (id === undefined) {
        await registry.POST('/v1/routes', { body });
        notice.done(t('routes.created', { path: body.path }));
      } else {
        const etag = fresh.data?.etag;
        await registry.PATCH('/v1/routes/{id}', {
          params: { path: { id }, header: etag ? { 'If-Match': etag } : {} },
          body,
        });
        notice.done(t('routes.saved', { path: body.path }));
      }
      onClose();
    } finally {
      // Also after a refusal: what is shown may be what was refused.
      void queries.invalidateQueries({ queryKey: ['routes'] });
    }
  };

  return (
    <FormDialog<RouteValues>
      title={isNew ? t('routes.create') : t('routes.edit')}
      submit={isNew ? t('action.create') : t('action.save')}
      open={route !== undefined}
      loading={id !== undefined && fresh.isPending}
      error={fresh.error}
      onClose={onClose}
      onSubmit={submit}
      initial={fresh.data ? valuesOf(fresh.data.route) : NEW}
    >
      <Form.Item
        name="path"
        label={t('routes.path')}
        extra={t('routes.pathHint')}
        rules={[...rules.required, { pattern: /^\//, message: t('routes.pathRule') }]}
      >
        <Input autoFocus className="mono" maxLength={512} />
      </Form.Item>
      <div className="form-pair">
        <Form.Item name="service" label={t('routes.service')} rules={rules.required}>
          <AutoComplete
            options={services.data?.map(({ name }) => ({ value: name })) ?? []}
            showSearch={{ filterOption: (typed, option) => option?.value.includes(typed) ?? false }}
          />
        </Form.Item>
        <Form.Item name="name" label={t('routes.name')} extra={t('routes.nameHint')}>
          <Input maxLength={100} />
        </Form.Item>
      </div>
      <div className="form-pair">
        <Form.Item name="hosts" label={t('routes.hosts')} extra={t('routes.hostsHint')}>
          <Select mode="tags" open={false} suffixIcon={null} tokenSeparators={[',', ' ']} />
        </Form.Item>
        <Form.Item name="methods" label={t('routes.methods')} extra={t('routes.methodsHint')}>
          <Select mode="multiple" options={METHODS.map((method) => ({ value: method, label: method }))} />
        </Form.Item>
      </div>
      <div className="form-pair">
        <Form.Item name="access" label={t('routes.access')}>
          <Select
            options={[
              { value: 'authenticated', label: t('routes.accessAuthenticated') },
              { value: 'public', label: t('routes.accessPublic') },
            ]}
          />
        </Form.Item>
        <Form.Item noStyle dependencies={['access']}>
          {({ getFieldValue }) =>
            getFieldValue('access') === 'authenticated' && (
              <Form.Item
                name="required_permission"
                label={t('routes.permission')}
                extra={t('routes.permissionHint')}
              >
                <Input className="mono" maxLength={100} />
              </Form.Item>
            )
          }
        </Form.Item>
      </div>
      {(['strip_path', 'strict', 'forward_token'] as const).map((name) => (
        <SwitchField key={name} name={name} label={t(SWITCH_LABELS[name])} />
      ))}
    </FormDialog>
  );
}

const SWITCH_LABELS = {
  strip_path: 'routes.strip',
  strict: 'routes.strict',
  forward_token: 'routes.forwardToken',
} as const;

function SwitchField({ name, label }: { name: string; label: string }) {
  return (
    <div className="row" style={{ marginBottom: 10, flexWrap: 'nowrap' }}>
      <Form.Item name={name} valuePropName="checked" noStyle>
        <Switch size="small" aria-label={label} />
      </Form.Item>
      <span aria-hidden="true">{label}</span>
    </div>
  );
}

function valuesOf(route: Route): RouteValues {
  return {
    name: route.name ?? null,
    path: route.path,
    hosts: route.hosts,
    methods: route.methods,
    service: route.service,
    access: route.access,
    required_permission: route.required_permission ?? null,
    strip_path: route.strip_path,
    strict: route.strict,
    forward_token: route.forward_token,
  };
}
