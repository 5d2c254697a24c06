import { Button, Modal } from 'antd';
import { useTranslation } from 'react-i18next';
import { CopyButton } from './CopyButton';

/** Shows a secret this once, until it was said to be taken down. */
export function ShownOnce(props: {
  title: string;
  /** What to do with it. */
  lead: string;
  /** What it is, for those who cannot see it. */
  label: string;
  secret: string | undefined;
  onDone: () => void;
}) {
  const { t } = useTranslation();
  return (
    <Modal
      title={props.title}
      open={props.secret !== undefined}
      closable={false}
      destroyOnHidden
      keyboard={false}
      mask={{ closable: false }}
      footer={
        <Button type="primary" onClick={props.onDone}>
          {t('action.done')}
        </Button>
      }
    >
      <div className="stack">
        <p className="quiet">{props.lead}</p>
        <div className="secret">
          <div>
            <span className="visually-hidden">{props.label}: </span>
            <code>{props.secret}</code>
          </div>
          <CopyButton text={props.secret ?? ''} label={t('action.copy')} />
        </div>
      </div>
    </Modal>
  );
}
