/** What the Job controller does next: how many pods, which of them go, and what the status says. Pods are counted as they are. */
import { timeSeconds, timeText } from '../../std/index.ts';
import type { Job, JobStatus } from './batch-kinds.ts';
import type { Condition, Pod } from './kinds.ts';
import { isPodReady } from './pod-status.ts';

const BACKOFF_SECONDS = 10;
const BACKOFF_SECONDS_MAX = 600;

export interface JobPlan {
  /** Pods to make. */
  readonly create: number;
  /** Pods to delete: nobody waits for them any more. */
  readonly remove: readonly Pod[];
  readonly status: JobStatus;
  /** The Job has been over for as long as it wanted to be kept. */
  readonly expired: boolean;
  /** When to look again, if nothing happens before. */
  readonly againInSeconds?: number;
}

/** How a Job ended; undefined while it has not. */
export function jobEnd({ status }: Job): Condition | undefined {
  return status?.conditions?.find(
    ({ type, status: is }) => is === 'True' && (type === 'Complete' || type === 'Failed'),
  );
}

/** `pods` are those that the Job controls. */
export function planJob(job: Job, pods: readonly Pod[], nowSeconds: number): JobPlan {
  const end = jobEnd(job);
  const active = pods.filter((pod) => !isOver(pod) && !isLeaving(pod));
  const counts = countsOf(job, pods, active);
  if (end !== undefined) return planEnded(job, { end, active, counts }, nowSeconds);
  if (job.spec.suspend === true) {
    return { create: 0, remove: active, status: { ...counts, active: 0 }, expired: false };
  }
  const now = timeText(nowSeconds * 1000);
  const startTime = job.status?.startTime ?? now;
  const { completions, parallelism = 1, activeDeadlineSeconds } = job.spec;
  const succeeded = counts.succeeded ?? 0;
  const isComplete =
    completions === undefined ? succeeded > 0 && active.length === 0 : succeeded >= completions;
  const ended = (status: JobStatus): JobPlan => ({
    create: 0,
    remove: active,
    status: { ...counts, active: 0, ready: 0, startTime, ...status },
    expired: false,
  });
  if (isComplete) return ended({ completionTime: now, conditions: complete(now) });
  const left =
    activeDeadlineSeconds === undefined
      ? undefined
      : timeSeconds(startTime) + activeDeadlineSeconds - nowSeconds;
  if (failures(job, pods) > (job.spec.backoffLimit ?? 6)) {
    const message = 'Job has reached the specified backoff limit';
    return ended({ conditions: failed(now, 'BackoffLimitExceeded', message) });
  }
  if (left !== undefined && left <= 0) {
    const message = 'Job was active longer than specified deadline';
    return ended({ conditions: failed(now, 'DeadlineExceeded', message) });
  }
  const wanted = Math.min(parallelism, (completions ?? Infinity) - succeeded);
  const waits = backoffLeft(pods, nowSeconds);
  const create = waits > 0 ? 0 : Math.max(0, wanted - active.length);
  const again = Math.min(left ?? Infinity, waits > 0 ? waits : Infinity);
  return {
    create,
    remove: active.slice(wanted),
    status: { ...counts, startTime, active: active.length + create },
    expired: false,
    ...(again === Infinity ? {} : { againInSeconds: again }),
  };
}

function planEnded(
  job: Job,
  seen: { end: Condition; active: readonly Pod[]; counts: JobStatus },
  nowSeconds: number,
): JobPlan {
  const { ttlSecondsAfterFinished: ttl } = job.spec;
  const status = { ...job.status, active: 0, ready: 0 };
  const plan = { create: 0, remove: seen.active, status, expired: false };
  if (ttl === undefined) return plan;
  const left = timeSeconds(seen.end.lastTransitionTime ?? '') + ttl - nowSeconds;
  return left <= 0 ? { ...plan, expired: true } : { ...plan, againInSeconds: left };
}

const isLeaving = ({ metadata }: Pod): boolean => metadata.deletionTimestamp !== undefined;
const isOver = ({ status }: Pod): boolean =>
  status?.phase === 'Succeeded' || status?.phase === 'Failed';

function countsOf(job: Job, pods: readonly Pod[], active: readonly Pod[]): JobStatus {
  const of = (phase: string): number => pods.filter(({ status }) => status?.phase === phase).length;
  return {
    active: active.length,
    ready: active.filter(isPodReady).length,
    // What was seen once counts, though its pod may be gone.
    succeeded: Math.max(of('Succeeded'), job.status?.succeeded ?? 0),
    failed: Math.max(of('Failed'), job.status?.failed ?? 0),
  };
}

/** With OnFailure the kubelet tries again in the same pod. */
function failures(job: Job, pods: readonly Pod[]): number {
  const restarts = pods
    .flatMap(({ status }) => status?.containerStatuses ?? [])
    .reduce((sum, { restartCount }) => sum + restartCount, 0);
  const isRestarted = job.spec.template.spec.restartPolicy === 'OnFailure';
  const ended = pods.filter(({ status }) => status?.phase === 'Failed').length;
  return Math.max(ended, job.status?.failed ?? 0) + (isRestarted ? restarts : 0);
}

/** Seconds until the next pod may be made after the last one failed. */
function backoffLeft(pods: readonly Pod[], nowSeconds: number): number {
  const ends = pods
    .filter(({ status }) => status?.phase === 'Failed')
    .map(({ status }) => status?.containerStatuses?.[0]?.state.terminated?.finishedAt)
    .map((time) => (time === undefined ? 0 : timeSeconds(time)));
  if (ends.length === 0) return 0;
  const delay = Math.min(BACKOFF_SECONDS * 2 ** (ends.length - 1), BACKOFF_SECONDS_MAX);
  return Math.max(0, Math.max(...ends) + delay - nowSeconds);
}

const condition = (now: string, type: string, reason: string, message: string): Condition => ({
  type,
  status: 'True',
  lastProbeTime: now,
  lastTransitionTime: now,
  reason,
  message,
});

const complete = (now: string): Condition[] =>
  ['SuccessCriteriaMet', 'Complete'].map((type) =>
    condition(now, type, 'CompletionsReached', 'Reached expected number of succeeded pods'),
  );

const failed = (now: string, reason: string, message: string): Condition[] =>
  ['FailureTarget', 'Failed'].map((type) => condition(now, type, reason, message));
