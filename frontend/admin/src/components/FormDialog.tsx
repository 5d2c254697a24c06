import { Form, type FormInstance, Modal } from 'antd';
import type { TFunction } from 'i18next';
import { type ReactNode, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { asApiError } from '@/api/problem';
import { ProblemNotice } from './ProblemNotice';
import { inWords } from './problem';

/**
 * A form in a dialog. A refused field is marked where it is; any other failure is told above the form,
 * and what was typed stays.
 */
export function FormDialog<Values extends object>(props: {
  title: string;
  submit: string;
  open: boolean;
  /** While what the form begins with is still being read. */
  loading?: boolean;
  /** Why it could not be read. */
  error?: unknown;
  onClose: () => void;
  onSubmit: (values: Values) => Promise<unknown>;
  initial: Partial<Values>;
  children: ReactNode;
}) {
  const { t } = useTranslation();
  const [form] = Form.useForm<Values>();
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(false);

  const submit = async (values: Values) => {
    setBusy(true);
    setError(undefined);
    try {
      await props.onSubmit(values);
    } catch (refused) {
      if (!markFields(form, refused, t)) setError(refused);
    } finally {
      setBusy(false);
    }
  };

  return (
    <Modal
      title={props.title}
      open={props.open}
      onCancel={props.onClose}
      onOk={form.submit}
      okText={props.submit}
      cancelText={t('action.cancel')}
      confirmLoading={busy}
      loading={props.loading ?? false}
      okButtonProps={{ disabled: Boolean(props.error) }}
      afterClose={() => setError(undefined)}
      destroyOnHidden
      mask={{ closable: false }}
    >
      <Form<Values>
        form={form}
        layout="vertical"
        initialValues={props.initial}
        onFinish={submit}
        requiredMark={false}
        disabled={busy}
        clearOnDestroy
      >
        {(error ?? props.error) ? (
          <Form.Item>
            <ProblemNotice error={error ?? props.error} />
          </Form.Item>
        ) : null}
        {!props.error && props.children}
      </Form>
    </Modal>
  );
}

/** Puts the server's field errors at the fields; false if none of them is on the form. */
export function markFields<Values extends object>(
  form: FormInstance<Values>,
  error: unknown,
  t: TFunction,
): boolean {
  const known = form.getFieldsValue(true) as Record<string, unknown>;
  const words = inWords(error, t);
  const found = asApiError(error).fields.flatMap(({ pointer, detail }) => {
    const name = pointer.split('/')[1] ?? '';
    return name in known || form.getFieldInstance(name as never)
      ? [{ name, errors: [words.isExact ? words.message : detail] }]
      : [];
  });
  form.setFields(found as Parameters<typeof form.setFields>[0]);
  return found.length > 0;
}
