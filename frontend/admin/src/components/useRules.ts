import type { Rule } from 'antd/es/form';
import { useTranslation } from 'react-i18next';

/** The shortest password that the platform takes, in characters. */
export const PASSWORD_MIN = 10;
/** The longest name of a person or tenant, in characters. */
export const NAME_MAX = 200;

/** The rules of fields that more than one form has. The server checks the same again. */
export function useRules() {
  const { t } = useTranslation();
  const required: Rule = { required: true, whitespace: true, message: t('field.required') };
  return {
    required: [required],
    email: [required, { type: 'email', message: t('field.email') }] satisfies Rule[],
    optionalEmail: [{ type: 'email', message: t('field.email') }] satisfies Rule[],
    name: [required, { max: NAME_MAX, message: t('field.tooLong', { max: NAME_MAX }) }] satisfies Rule[],
    optionalName: [{ max: NAME_MAX, message: t('field.tooLong', { max: NAME_MAX }) }] satisfies Rule[],
    newPassword: [
      required,
      { min: PASSWORD_MIN, message: t('field.passwordTooShort', { min: PASSWORD_MIN }) },
    ] satisfies Rule[],
  };
}
