import { App } from 'antd';
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { ProblemDetail } from './ProblemNotice';
import { inWords } from './problem';

/** Short messages about what was just done. */
export function useNotice() {
  const { message, notification } = App.useApp();
  const { t } = useTranslation();
  return useMemo(
    () => ({
      done: (text: string) => void message.success(text),
      warn: (title: string) => notification.warning({ title, duration: 8 }),
      failed: (error: unknown) => {
        const words = inWords(error, t);
        notification.error({
          title: t('problem.title'),
          description: (
            <>
              {words.message}
              <ProblemDetail detail={words.detail} requestId={words.requestId} />
            </>
          ),
          duration: 8,
        });
      },
    }),
    [message, notification, t],
  );
}
