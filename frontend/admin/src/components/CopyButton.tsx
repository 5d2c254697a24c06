import { CheckOutlined, CopyOutlined } from '@ant-design/icons';
import { Button } from 'antd';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';

/** Copies a text. Not there where the browser forbids it (plain http other than localhost). */
export function CopyButton({ text, label }: { text: string; label: string }) {
  const { t } = useTranslation();
  const [isCopied, setCopied] = useState(false);
  const clipboard: Clipboard | undefined = navigator.clipboard;
  if (clipboard === undefined) return null;
  const copy = async () => {
    await clipboard.writeText(text);
    setCopied(true);
  };
  return (
    <>
      <Button
        type="text"
        size="small"
        icon={isCopied ? <CheckOutlined aria-hidden /> : <CopyOutlined aria-hidden />}
        aria-label={label}
        title={label}
        onClick={() => void copy().catch(() => undefined)}
      />
      <span role="status" className="visually-hidden">
        {isCopied ? t('action.copied') : ''}
      </span>
    </>
  );
}
