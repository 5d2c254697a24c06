import { Button, Modal } from 'antd';
import { useTranslation } from 'react-i18next';
import { CopyButton } from './CopyButton';

/** Shows a password this once, until it was said to be taken down. */
export function OneTimePassword({
  of,
  password,
  onDone,
}: {
  of: string;
  password: string | undefined;
  onDone: () => void;
}) {
  const { t } = useTranslation();
  return (
    <Modal
      title={t('members.oneTimeTitle', { name: of })}
      open={password !== undefined}
      closable={false}
      destroyOnHidden
      keyboard={false}
      mask={{ closable: false }}
      footer={
        <Button type="primary" onClick={onDone}>
          {t('action.done')}
        </Button>
      }
    >
      <div className="stack">
        <p className="quiet">{t('members.oneTimeLead')}</p>
        <div className="secret">
          <div>
            <span className="visually-hidden">{t('members.oneTimeLabel')}: </span>
            <code>{password}</code>
          </div>
          <CopyButton text={password ?? ''} label={t('action.copy')} />
        </div>
      </div>
    </Modal>
  );
}
