import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { When } from '@/components/When';
import { useFormat } from '@/i18n/useFormat';
import { isMissed, lastBackup, lastDrill, type Recovery } from './recovery';

/** How it stands: the last backup, the last drill, and what it measured against what is aimed at. */
export function RecoveryTiles({ recovery }: { recovery: Recovery }) {
  const { t } = useTranslation();
  const format = useFormat();
  const backup = lastBackup(recovery);
  const drill = lastDrill(recovery);
  const report = drill?.report;
  const time = report?.recovery_time_ms == null ? null : report.recovery_time_ms / 1000;
  const point = report?.recovery_point_seconds;
  const aims = report?.objectives;
  const objective = (seconds: number | undefined) =>
    seconds === undefined ? '\u00a0' : t('backups.objective', { time: format.duration(seconds) });
  return (
    <dl className="card tiles">
      <Tile
        title={t('backups.lastBackup')}
        figure={backup ? <When at={backup.started_at} /> : t('backups.none')}
        isBad={!backup}
        detail={backup?.bytes == null ? '\u00a0' : format.bytes(backup.bytes)}
      />
      <Tile
        title={t('backups.lastDrill')}
        figure={
          drill ? t(drill.status === 'succeeded' ? 'backups.passed' : 'backups.failed') : t('backups.none')
        }
        isBad={drill?.status === 'failed'}
        detail={drill ? <When at={drill.started_at} /> : '\u00a0'}
      />
      <Tile
        title={t('backups.recoveryTime')}
        figure={time === null ? '–' : format.duration(time)}
        isBad={aims !== undefined && isMissed(time, aims.recovery_time_seconds)}
        detail={objective(aims?.recovery_time_seconds)}
      />
      <Tile
        title={t('backups.recoveryPoint')}
        figure={point == null ? '–' : format.duration(point)}
        isBad={aims !== undefined && isMissed(point, aims.recovery_point_seconds)}
        detail={objective(aims?.recovery_point_seconds)}
      />
    </dl>
  );
}

function Tile(props: { title: string; figure: ReactNode; isBad: boolean; detail: ReactNode }) {
  return (
    <div className="tile">
      <dt>{props.title}</dt>
      <dd className={props.isBad ? 'tile-figure tile-bad' : 'tile-figure'}>{props.figure}</dd>
      <dd className="quiet small">{props.detail}</dd>
    </div>
  );
}
