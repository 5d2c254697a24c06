import { queryOptions } from '@tanstack/react-query';
import { bodyOf, type CoreSchemas, core } from '@/api/client';
import type { Tone } from '@/components/State';

export type Recovery = CoreSchemas['Recovery'];
export type BackupRun = CoreSchemas['BackupRun'];
export type DrillRun = CoreSchemas['DrillRun'];
export type DrillReport = CoreSchemas['DrillReport'];
type Status = CoreSchemas['RecoveryStatus'];

/** Backups take minutes; asking more often shows nothing new. In milliseconds. */
const INTERVAL_MS = 15_000;

/** The newest backups and drills. */
export function recoveryQuery() {
  return queryOptions({
    queryKey: ['recovery'],
    queryFn: async ({ signal }) => bodyOf(await core.GET('/v1/recovery', { signal })),
    refetchInterval: INTERVAL_MS,
  });
}

export const TONE_OF_STATUS: Record<Status, Tone> = { running: 'idle', succeeded: 'good', failed: 'bad' };

/** The newest backup that there is. */
export function lastBackup(recovery: Recovery): BackupRun | undefined {
  return recovery.backups.find(({ status }) => status === 'succeeded');
}

/** The newest drill that came to an end. */
export function lastDrill(recovery: Recovery): DrillRun | undefined {
  return recovery.drills.find(({ status }) => status !== 'running');
}

/** Whether what was measured is worse than what was aimed at. */
export function isMissed(measured: number | null | undefined, objective: number): boolean {
  return measured != null && measured > objective;
}
