/** What the Jobs of backups and of a restore say: what is remembered of them, and the conditions. */
import type { ConditionDraft, McpCluster, McpClusterStatus } from '../../api/index.ts';
import { lastLine } from './problems.ts';
import type { Job, Pod } from './shapes.ts';

export type BackupStatus = NonNullable<McpClusterStatus['backup']>;
export type RestoreStatus = NonNullable<McpClusterStatus['restore']>;

/** What is told of backups and of a restore. */
export interface BackupReport {
  readonly backup?: BackupStatus | undefined;
  readonly restore?: RestoreStatus | undefined;
  readonly conditions: readonly ConditionDraft[];
}

/** What the schedule of backups comes to. */
export type BackupSchedule =
  | { readonly kind: 'unusable'; readonly message: string }
  | {
      readonly kind: 'usable';
      /** The next one, as the API writes it. */
      readonly next: string;
      /** The one that should have been taken by now and was not, as the API writes it. */
      readonly missed?: string | undefined;
    };

/** A Job, and the pods that tried. */
export interface JobRun {
  readonly job: Job;
  readonly pods: readonly Pod[];
}

type Outcome =
  | { readonly kind: 'succeeded'; readonly at: string }
  | { readonly kind: 'failed'; readonly at: string; readonly message: string };

/** How a Job ended; undefined while it has not. */
export function outcomeOf({ job, pods }: JobRun): Outcome | undefined {
  const { conditions = [], completionTime } = job.status ?? {};
  const ended = conditions.find(
    ({ type, status }) => status === 'True' && (type === 'Complete' || type === 'Failed'),
  );
  const at = completionTime ?? ended?.lastTransitionTime;
  if (ended === undefined || at === undefined) return undefined;
  if (ended.type === 'Complete') return { kind: 'succeeded', at };
  const said = lastWord(pods);
  const why = `${ended.reason ?? 'Failed'}: ${ended.message ?? 'no reason given'}`;
  return {
    kind: 'failed',
    at,
    message: `Job ${job.metadata.name}: ${said === undefined ? why : `${said} (${why})`}`,
  };
}

/** What the pod that tried last has said in the end, or what keeps it from starting. */
function lastWord(pods: readonly Pod[]): string | undefined {
  const newest = pods.toSorted((a, b) =>
    (a.metadata.creationTimestamp ?? '') < (b.metadata.creationTimestamp ?? '') ? 1 : -1,
  );
  for (const { status } of newest) {
    const state = status?.containerStatuses?.[0]?.state;
    const line = lastLine(state?.terminated?.message) ?? state?.waiting?.message;
    if (line !== undefined) return line;
  }
  return undefined;
}

/** `before` with what the Jobs that are still there add to it. */
export function backupStatus(
  before: BackupStatus | undefined,
  runs: readonly JobRun[],
): BackupStatus | undefined {
  let status = before;
  for (const run of runs) {
    const outcome = outcomeOf(run);
    if (outcome === undefined) continue;
    const { at } = outcome;
    if (outcome.kind === 'succeeded') {
      if (at > (status?.lastSuccessTime ?? '')) status = { ...status, lastSuccessTime: at };
    } else if (at >= (status?.lastFailureTime ?? '')) {
      status = { ...status, lastFailureTime: at, lastFailure: outcome.message };
    }
  }
  return status;
}

/** True, False with what to do, or Unknown while there is nothing to judge. Only for a cluster that has `spec.backup`. */
export function backupHealthy(
  cluster: McpCluster,
  status: BackupStatus | undefined,
  schedule: BackupSchedule,
): ConditionDraft {
  const draft = (state: ConditionDraft['status'], reason: string, message: string) =>
    ({ type: 'BackupHealthy', status: state, reason, message }) as const;
  const { lastSuccessTime, lastFailureTime = '', lastFailure = '' } = status ?? {};
  const last = `the last one was complete at ${lastSuccessTime}`;
  const since = lastSuccessTime === undefined ? 'there is none yet' : last;
  if (schedule.kind === 'unusable') return draft('False', 'ScheduleUnusable', schedule.message);
  if (lastFailureTime > (lastSuccessTime ?? '')) {
    return draft('False', 'BackupFailed', `${lastFailure}; ${since}`);
  }
  if (cluster.spec.backup?.suspend === true) {
    return draft('Unknown', 'Suspended', `spec.backup.suspend is true; ${since}`);
  }
  if (cluster.spec.hibernated) {
    return draft('Unknown', 'Hibernated', `spec.hibernated is true: nothing changes; ${since}`);
  }
  if (schedule.missed !== undefined) {
    const where = 'look at CronJob, Jobs and pods of the backup';
    return draft(
      'False',
      'Overdue',
      `that of ${schedule.missed} was not taken; ${since}; ${where}`,
    );
  }
  if (lastSuccessTime === undefined) {
    return draft('Unknown', 'Waiting', `there is none yet; the next is due at ${schedule.next}`);
  }
  return draft('True', 'BackedUp', `${last}; the next is due at ${schedule.next}`);
}

/** Clients are not sent to a cluster before it has what it begins with, and no backup is taken of it. */
export function isRestoring({ spec, status }: McpCluster): boolean {
  return spec.bootstrap !== undefined && status?.restore?.phase !== 'Done';
}

/** How far a restore is that is not done; `run` is undefined before its Job exists. */
export function restoreStatus(run: JobRun | undefined, hasQuorum: boolean): RestoreStatus {
  if (run === undefined) {
    const message = hasQuorum
      ? 'its Job is about to begin'
      : 'waits for the cluster to have a leader';
    return { phase: 'Waiting', message };
  }
  const { name } = run.job.metadata;
  const outcome = outcomeOf(run);
  if (outcome === undefined) {
    const said = lastWord(run.pods);
    const message = `Job ${name} is under way${said === undefined ? '' : `; last: ${said}`}`;
    return { phase: 'Restoring', message };
  }
  if (outcome.kind === 'succeeded') return { phase: 'Done', message: `restored at ${outcome.at}` };
  const again = `when that is mended, kubectl delete job ${name} lets it begin again`;
  return { phase: 'Failed', message: `${outcome.message}; ${again}` };
}

/** Only for a cluster that has `spec.bootstrap.restore`. */
export function restored({ phase, message = '' }: RestoreStatus): ConditionDraft {
  const status = phase === 'Done' ? 'True' : 'False';
  const reason = phase === 'Failed' ? 'RestoreFailed' : phase === 'Done' ? 'Restored' : phase;
  return { type: 'Restored', status, reason, message };
}
