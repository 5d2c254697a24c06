import { Button, Form, Input } from 'antd';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Navigate } from 'react-router';
import { session } from '@/api/client';
import { useSession } from '@/app/access';
import { markFields } from '@/components/FormDialog';
import { ProblemNotice } from '@/components/ProblemNotice';
import { Splash } from '@/components/Splash';
import { PASSWORD_MIN, useRules } from '@/components/useRules';
import { Entrance } from './Entrance';

interface Passwords {
  current_password: string;
  new_password: string;
  repeat: string;
}

/** The first thing to do with a one-time password; also where a password is changed later. */
export default function NewPasswordPage() {
  const { t } = useTranslation();
  const rules = useRules();
  const state = useSession();
  const [form] = Form.useForm<Passwords>();
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const [isDone, setDone] = useState(false);

  if (state.status === 'restoring') return <Splash />;
  if (state.status !== 'signed-in') return <Navigate to="/sign-in" replace />;
  if (isDone && !state.restricted) return <Navigate to="/" replace />;

  const submit = async (values: Passwords) => {
    setBusy(true);
    setError(undefined);
    try {
      await session.changePassword(values.current_password, values.new_password);
      setDone(true);
    } catch (refused) {
      if (!markFields(form, refused, t)) setError(refused);
    } finally {
      setBusy(false);
    }
  };

  return (
    <Entrance
      title={t('password.title')}
      lead={state.restricted ? t('password.lead') : t('password.leadLater')}
    >
      <Form<Passwords> form={form} layout="vertical" requiredMark={false} onFinish={submit}>
        {error !== undefined && (
          <Form.Item>
            <ProblemNotice error={error} />
          </Form.Item>
        )}
        <Form.Item name="current_password" label={t('password.current')} rules={rules.required}>
          <Input.Password size="large" autoComplete="current-password" autoFocus maxLength={256} />
        </Form.Item>
        <Form.Item
          name="new_password"
          label={t('password.new')}
          rules={rules.newPassword}
          extra={t('password.hint', { min: PASSWORD_MIN })}
        >
          <Input.Password size="large" autoComplete="new-password" maxLength={256} />
        </Form.Item>
        <Form.Item
          name="repeat"
          label={t('password.repeat')}
          dependencies={['new_password']}
          rules={[
            ...rules.required,
            ({ getFieldValue }) => ({
              validator: (_, value: string) =>
                !value || value === getFieldValue('new_password')
                  ? Promise.resolve()
                  : Promise.reject(new Error(t('password.mismatch'))),
            }),
          ]}
        >
          <Input.Password size="large" autoComplete="new-password" maxLength={256} />
        </Form.Item>
        <Button type="primary" size="large" htmlType="submit" block loading={busy}>
          {t('password.submit')}
        </Button>
      </Form>
      <p className="entrance-foot">
        <Button
          type="link"
          style={{ padding: 0 }}
          onClick={() => void session.signOut().catch(() => undefined)}
        >
          {t('account.signOut')}
        </Button>
      </p>
    </Entrance>
  );
}
