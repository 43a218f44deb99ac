/** When backups are due: when Kubernetes runs the CronJob that takes them. */
import type { McpCluster } from '../api/index.ts';
import { cronTimes, timeZoneProblem } from '../kube/index.ts';
import { BACKUP_SECONDS_MAX, type BackupSchedule } from './core/index.ts';
import { timeText } from '../std/index.ts';

/** Kubernetes looks at its CronJobs now and then, and a pod needs a node first. */
const LATE_MS = 300_000;

/**
 * What `spec.backup` says at `nowMs`; undefined without one. `sinceMs` is when the last backup was complete, or when the schedule
 * began: one that was due after that is missed when it had all the time it may take.
 */
export function backupSchedule(
  { spec }: McpCluster,
  { sinceMs, nowMs }: { readonly sinceMs: number; readonly nowMs: number },
): BackupSchedule | undefined {
  if (spec.backup === undefined) return undefined;
  const { schedule, timeZone, startingDeadlineSeconds = 0 } = spec.backup;
  const wrongZone = timeZoneProblem(timeZone);
  if (wrongZone !== undefined) return unusable('timeZone', wrongZone);
  try {
    const times = cronTimes(schedule, timeZone);
    const next = times.next(nowMs);
    if (next === undefined) {
      return unusable('schedule', `"${schedule}" names no day that comes`);
    }
    const due = times.next(sinceMs) ?? next;
    const allowedMs = (BACKUP_SECONDS_MAX + startingDeadlineSeconds) * 1000 + LATE_MS;
    const missed = due + allowedMs < nowMs ? timeText(due) : undefined;
    return { kind: 'usable', next: timeText(next), missed };
  } catch (error) {
    return unusable('schedule', (error as Error).message);
  }
}

function unusable(field: 'schedule' | 'timeZone', why: string): BackupSchedule {
  return { kind: 'unusable', message: `spec.backup.${field}: ${why}` };
}
