import { Alert, Button, Form, Input } from 'antd';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, Navigate, useSearchParams } from 'react-router';
import { session } from '@/api/client';
import { offersSignUp } from '@/api/config';
import type { Credentials } from '@/api/session';
import { useSession } from '@/app/access';
import { ProblemNotice } from '@/components/ProblemNotice';
import { Splash } from '@/components/Splash';
import { useRules } from '@/components/useRules';
import { destinationOf } from './destination';
import { Entrance } from './Entrance';

export default function SignInPage() {
  const { t } = useTranslation();
  const rules = useRules();
  const state = useSession();
  const [params] = useSearchParams();
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(false);

  if (state.status === 'restoring') return <Splash />;
  if (state.status === 'signed-in') return <Navigate to={destinationOf(params.get('to'))} replace />;

  const submit = async (credentials: Credentials) => {
    setBusy(true);
    setError(undefined);
    try {
      await session.signIn({ ...credentials, email: credentials.email.trim() });
    } catch (refused) {
      setError(refused);
    } finally {
      setBusy(false);
    }
  };

  return (
    <Entrance title={t('signIn.title')} lead={t('brand.console')}>
      <Form<Credentials> layout="vertical" requiredMark={false} onFinish={submit}>
        {error === undefined && state.status === 'signed-out' && state.because !== 'never-in' && (
          <Form.Item>
            <Alert
              type="info"
              showIcon
              title={state.because === 'left' ? t('signIn.left') : t('signIn.expired')}
            />
          </Form.Item>
        )}
        {error !== undefined && (
          <Form.Item>
            <ProblemNotice error={error} />
          </Form.Item>
        )}
        {/* Not checked for its form: the first administrator's address may be admin@localhost. */}
        <Form.Item name="email" label={t('signIn.email')} rules={rules.required}>
          <Input size="large" type="email" autoComplete="username" autoFocus maxLength={254} />
        </Form.Item>
        <Form.Item name="password" label={t('signIn.password')} rules={rules.required}>
          <Input.Password size="large" autoComplete="current-password" maxLength={256} />
        </Form.Item>
        <Button type="primary" size="large" htmlType="submit" block loading={busy}>
          {t('signIn.submit')}
        </Button>
      </Form>
      {offersSignUp() && (
        <p className="entrance-foot">
          {t('signIn.noAccount')} <Link to="/sign-up">{t('signIn.signUp')}</Link>
        </p>
      )}
    </Entrance>
  );
}
