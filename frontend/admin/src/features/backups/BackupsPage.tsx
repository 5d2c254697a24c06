import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { Empty } from '@/components/Empty';
import { PageHead } from '@/components/PageHead';
import { RecordList } from '@/components/RecordList';
import { State } from '@/components/State';
import { When } from '@/components/When';
import { useFormat } from '@/i18n/useFormat';
import { Drills } from './Drills';
import { RecoveryTiles } from './RecoveryTiles';
import { type BackupRun, recoveryQuery, TONE_OF_STATUS } from './recovery';

/** Whether the platform could be had back: its backups, and the drills that prove them. */
export default function BackupsPage() {
  const { t } = useTranslation();
  const recovery = useQuery(recoveryQuery());
  return (
    <>
      <PageHead title={t('backups.title')} lead={t('backups.lead')} />
      {recovery.data && <RecoveryTiles recovery={recovery.data} />}
      <div className="stack">
        <section aria-labelledby="backups">
          <h2 id="backups" className="section-title">
            {t('backups.backups')}
          </h2>
          <Backups
            backups={recovery.data?.backups}
            error={recovery.error}
            onRetry={() => void recovery.refetch()}
          />
        </section>
        {recovery.data && <Drills drills={recovery.data.drills} />}
      </div>
    </>
  );
}

function Backups(props: { backups: BackupRun[] | undefined; error: unknown; onRetry: () => void }) {
  const { t } = useTranslation();
  const format = useFormat();
  return (
    <RecordList
      label={t('backups.backups')}
      records={props.backups}
      error={props.error}
      onRetry={props.onRetry}
      rowKey={({ id }) => id}
      title={{
        key: 'file',
        title: t('backups.file'),
        render: ({ file }) => <span className="mono">{file ?? '–'}</span>,
      }}
      columns={[
        {
          key: 'status',
          title: t('backups.status'),
          render: ({ status, fault }) => (
            <>
              <State tone={TONE_OF_STATUS[status]}>{t(`backups.${status}`)}</State>
              {fault && <div className="quiet small">{fault}</div>}
            </>
          ),
        },
        {
          key: 'size',
          title: t('backups.size'),
          align: 'number',
          render: ({ bytes }) => (bytes == null ? '–' : format.bytes(bytes)),
        },
        {
          key: 'why',
          title: t('backups.why'),
          render: ({ scheduled_for }) => t(scheduled_for ? 'backups.bySchedule' : 'backups.byHand'),
          wideOnly: true,
        },
        {
          key: 'at',
          title: t('backups.at'),
          render: ({ started_at }) => <When at={started_at} exact />,
        },
      ]}
      empty={<Empty title={t('backups.empty')} hint={t('backups.emptyHint')} />}
    />
  );
}
