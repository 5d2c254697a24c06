import { useTranslation } from 'react-i18next';
import { ShownOnce } from './ShownOnce';

/** Shows the password of an account that was made for somebody. */
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
    <ShownOnce
      title={t('members.oneTimeTitle', { name: of })}
      lead={t('members.oneTimeLead')}
      label={t('members.oneTimeLabel')}
      secret={password}
      onDone={onDone}
    />
  );
}
