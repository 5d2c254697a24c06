import { Button, Form, Input } from 'antd';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, Navigate } from 'react-router';
import { type CoreSchemas, core, session } from '@/api/client';
import { useSession } from '@/app/access';
import { markFields } from '@/components/FormDialog';
import { ProblemNotice } from '@/components/ProblemNotice';
import { NAME_MAX, PASSWORD_MIN, useRules } from '@/components/useRules';
import { Entrance } from './Entrance';

type SignUp = CoreSchemas['SignUpRequest'];

export default function SignUpPage() {
  const { t } = useTranslation();
  const rules = useRules();
  const state = useSession();
  const [form] = Form.useForm<SignUp>();
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const [notedFor, setNotedFor] = useState<string>();

  if (state.status === 'signed-in') return <Navigate to="/" replace />;
  if (notedFor !== undefined) {
    return (
      <Entrance title={t('signUp.noted')} lead={t('signUp.notedLead', { email: notedFor })}>
        <Link to="/sign-in">{t('signIn.title')}</Link>
      </Entrance>
    );
  }

  const submit = async (values: SignUp) => {
    setBusy(true);
    setError(undefined);
    try {
      const email = values.email.trim();
      const { response } = await core.POST('/v1/auth/signup', { body: { ...values, email } });
      // 202: in production the answer never tells whether there is an account.
      if (response.status === 202) setNotedFor(email);
      else await session.signIn({ email, password: values.password });
    } catch (refused) {
      if (!markFields(form, refused, t)) setError(refused);
    } finally {
      setBusy(false);
    }
  };

  return (
    <Entrance title={t('signUp.title')} lead={t('signUp.lead')}>
      <Form<SignUp> form={form} layout="vertical" requiredMark={false} onFinish={submit}>
        {error !== undefined && (
          <Form.Item>
            <ProblemNotice error={error} />
          </Form.Item>
        )}
        <Form.Item name="name" label={t('signUp.name')} rules={rules.name}>
          <Input size="large" autoComplete="name" autoFocus maxLength={NAME_MAX} />
        </Form.Item>
        <Form.Item name="email" label={t('signIn.email')} rules={rules.email}>
          <Input size="large" type="email" autoComplete="username" maxLength={254} />
        </Form.Item>
        <Form.Item
          name="password"
          label={t('signIn.password')}
          rules={rules.newPassword}
          extra={t('password.hint', { min: PASSWORD_MIN })}
        >
          <Input.Password size="large" autoComplete="new-password" maxLength={256} />
        </Form.Item>
        <Form.Item
          name="tenant_name"
          label={t('signUp.tenantName')}
          rules={rules.name}
          extra={t('signUp.tenantHint')}
        >
          <Input size="large" autoComplete="organization" maxLength={NAME_MAX} />
        </Form.Item>
        <Button type="primary" size="large" htmlType="submit" block loading={busy}>
          {t('signUp.submit')}
        </Button>
      </Form>
      <p className="entrance-foot">
        {t('signUp.haveAccount')} <Link to="/sign-in">{t('signIn.title')}</Link>
      </p>
    </Entrance>
  );
}
