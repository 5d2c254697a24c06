import { useQueryClient } from '@tanstack/react-query';
import { Form, Input } from 'antd';
import { useTranslation } from 'react-i18next';
import { bodyOf, core } from '@/api/client';
import { ApiError, asApiError } from '@/api/problem';
import { FormDialog } from '@/components/FormDialog';
import { useNotice } from '@/components/useNotice';
import { useRules } from '@/components/useRules';

/** Takes the code of an invitation. The tenant is then among those that the person can switch to. */
export function JoinTenant({ open, onClose }: { open: boolean; onClose: () => void }) {
  const { t } = useTranslation();
  const rules = useRules();
  const notice = useNotice();
  const queries = useQueryClient();

  const submit = async ({ code }: { code: string }) => {
    const body = { code: code.trim() };
    const answer = await core.POST('/v1/me/invitations/accept', { body }).catch(atTheCode);
    onClose();
    notice.done(t('account.joined', { name: bodyOf(answer).name }));
    await queries.invalidateQueries({ queryKey: ['me'] });
  };

  return (
    <FormDialog<{ code: string }>
      title={t('account.join')}
      submit={t('account.joinSubmit')}
      open={open}
      onClose={onClose}
      onSubmit={submit}
      initial={{}}
    >
      <Form.Item
        name="code"
        label={t('invitations.code')}
        extra={t('account.joinHint')}
        rules={rules.required}
      >
        <Input autoFocus autoComplete="off" spellCheck={false} maxLength={128} />
      </Form.Item>
    </FormDialog>
  );
}

/** That there is no such thing is, here, about what was typed. */
function atTheCode(error: unknown): never {
  const refused = asApiError(error);
  if (refused.status !== 404) throw error;
  const fields = [{ pointer: '/code', detail: refused.message }];
  throw new ApiError(404, { code: 'invitation_unknown', errors: fields }, { cause: error });
}
