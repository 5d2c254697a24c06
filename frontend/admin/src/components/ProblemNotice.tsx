import { Alert, Button } from 'antd';
import { useTranslation } from 'react-i18next';
import { CopyButton } from './CopyButton';
import { inWords } from './problem';

/** A failure where it happened: in words, with the request's number and, if it makes sense, another try. */
export function ProblemNotice({ error, onRetry }: { error: unknown; onRetry?: () => void }) {
  const { t } = useTranslation();
  const words = inWords(error, t);
  return (
    <Alert
      type="error"
      showIcon
      role="alert"
      title={words.message}
      description={<ProblemDetail detail={words.detail} requestId={words.requestId} />}
      action={
        onRetry && (
          <Button size="small" onClick={onRetry}>
            {t('action.retry')}
          </Button>
        )
      }
    />
  );
}

/** The small print of a failure. */
export function ProblemDetail({
  detail,
  requestId,
}: {
  detail: string | undefined;
  requestId: string | undefined;
}) {
  const { t } = useTranslation();
  if (!detail && !requestId) return null;
  return (
    <div className="small">
      {detail && <div>{t('problem.serverSays', { detail })}</div>}
      {requestId && (
        <span className="quiet mono">
          {t('problem.requestId', { id: requestId })}
          <CopyButton text={requestId} label={t('problem.copyRequestId')} />
        </span>
      )}
    </div>
  );
}
