import { useTranslation } from 'react-i18next';
import { useSearchParams } from 'react-router';
import { Empty } from '@/components/Empty';
import { RecordList } from '@/components/RecordList';
import { State } from '@/components/State';
import { When } from '@/components/When';
import { useFormat } from '@/i18n/useFormat';
import { type DrillReport, type DrillRun, TONE_OF_STATUS } from './recovery';

/** The drills, and what the chosen one went through; the newest unless another is chosen. */
export function Drills({ drills }: { drills: DrillRun[] }) {
  const { t } = useTranslation();
  const format = useFormat();
  const [params, setParams] = useSearchParams();
  const chosen = drills.find(({ id }) => id === params.get('drill')) ?? drills[0];
  return (
    <>
      <section aria-labelledby="drills">
        <h2 id="drills" className="section-title">
          {t('backups.drills')}
        </h2>
        <RecordList
          label={t('backups.drills')}
          records={drills}
          error={undefined}
          onRetry={() => undefined}
          rowKey={({ id }) => id}
          title={{
            key: 'at',
            title: t('backups.at'),
            render: ({ id, started_at }) => (
              <button
                type="button"
                className="link-button"
                aria-pressed={id === chosen?.id}
                onClick={() => setParams({ drill: id }, { replace: true })}
              >
                <When at={started_at} exact />
              </button>
            ),
          }}
          columns={[
            {
              key: 'status',
              title: t('backups.status'),
              render: ({ status }) => (
                <State tone={TONE_OF_STATUS[status]}>
                  {t(status === 'succeeded' ? 'backups.passed' : `backups.${status}`)}
                </State>
              ),
            },
            {
              key: 'time',
              title: t('backups.recoveryTime'),
              align: 'number',
              render: ({ report }) =>
                report?.recovery_time_ms == null ? '–' : format.duration(report.recovery_time_ms / 1000),
            },
            {
              key: 'point',
              title: t('backups.recoveryPoint'),
              align: 'number',
              render: ({ report }) =>
                report?.recovery_point_seconds == null ? '–' : format.duration(report.recovery_point_seconds),
            },
            {
              key: 'signature',
              title: t('backups.signature'),
              render: ({ report, is_signed }) =>
                report == null ? (
                  '–'
                ) : (
                  <State tone={is_signed ? 'good' : 'bad'}>
                    {t(is_signed ? 'backups.signed' : 'backups.notSigned')}
                  </State>
                ),
            },
          ]}
          empty={<Empty title={t('backups.noDrill')} hint={t('backups.noDrillHint')} />}
        />
      </section>
      {chosen && (chosen.report ? <Steps report={chosen.report} /> : null)}
    </>
  );
}

function Steps({ report }: { report: DrillReport }) {
  const { t } = useTranslation();
  const format = useFormat();
  return (
    <section className="card" aria-labelledby="steps">
      <div className="card-head">
        <h2 id="steps">{t('backups.steps')}</h2>
        <span className="mono small quiet">{report.backup.file}</span>
      </div>
      <div className="card-body">
        <ol className="plain-list drill-steps">
          {report.steps.map((step) => (
            <li key={step.name}>
              <div>
                <State tone={step.outcome === 'ok' ? 'good' : 'bad'}>
                  {t(`backups.step.${step.name as StepName}`, { defaultValue: step.name })}
                  {step.outcome === 'failed' && ` · ${t('backups.failed')}`}
                </State>
                <div className="quiet small">{step.seen}</div>
              </div>
              <span className="nowrap">{format.milliseconds(step.milliseconds)}</span>
            </li>
          ))}
        </ol>
      </div>
    </section>
  );
}

type StepName =
  | 'find'
  | 'verify'
  | 'restore'
  | 'compare'
  | 'migrate'
  | 'core'
  | 'sign_in'
  | 'read'
  | 'count'
  | 'objectives';
