/** What the CronJob controller does next, once the times of the schedule are known. */
import { timeSeconds, timeText } from '../../std/index.ts';
import type { CronJob, Job, JobReference } from './batch-kinds.ts';
import { jobEnd } from './job.ts';
import { controllerReference } from './stateful-pod.ts';

export interface CronJobPlan {
  /** The Job to make now. */
  readonly create?: Job;
  /** Jobs to delete: replaced, or beyond the history that is kept. */
  readonly remove: readonly Job[];
  readonly status: NonNullable<CronJob['status']>;
}

/** `jobs` are those that the CronJob controls; `dueSeconds` is the last time of its schedule that has come since the last Job. */
export function planCronJob(
  cronJob: CronJob,
  jobs: readonly Job[],
  {
    dueSeconds,
    nowSeconds,
  }: { readonly dueSeconds: number | undefined; readonly nowSeconds: number },
): CronJobPlan {
  const { spec } = cronJob;
  const active = jobs.filter((job) => jobEnd(job) === undefined);
  const over = beyondHistory(cronJob, jobs);
  const successes = jobs.flatMap(({ status }) => status?.completionTime ?? []);
  const lastSuccessfulTime = [...successes, cronJob.status?.lastSuccessfulTime ?? ''].sort().at(-1);
  const status = {
    ...cronJob.status,
    active: references(active),
    ...(lastSuccessfulTime === '' || lastSuccessfulTime === undefined
      ? {}
      : { lastSuccessfulTime }),
  };
  const isLate =
    dueSeconds !== undefined &&
    dueSeconds + (spec.startingDeadlineSeconds ?? Infinity) < nowSeconds;
  const isBusy = spec.concurrencyPolicy === 'Forbid' && active.length > 0;
  if (dueSeconds === undefined || spec.suspend === true || isLate || isBusy) {
    return { remove: over, status };
  }
  const replaced = spec.concurrencyPolicy === 'Replace' ? active : [];
  return {
    create: jobOf(cronJob, dueSeconds),
    remove: [...over, ...replaced],
    status: { ...status, lastScheduleTime: timeText(dueSeconds * 1000) },
  };
}

function references(jobs: readonly Job[]): readonly JobReference[] {
  return jobs.map(({ metadata: { name, namespace, uid, resourceVersion } }) => ({
    apiVersion: 'batch/v1',
    kind: 'Job',
    name,
    namespace,
    uid,
    resourceVersion,
  }));
}

function beyondHistory({ spec }: CronJob, jobs: readonly Job[]): readonly Job[] {
  const of = (type: string, limit: number): readonly Job[] => {
    const ended = jobs.filter((job) => jobEnd(job)?.type === type);
    const started = ({ status, metadata }: Job): number =>
      timeSeconds(status?.startTime ?? metadata.creationTimestamp ?? '');
    const oldestFirst = ended.toSorted((a, b) => started(a) - started(b));
    return oldestFirst.slice(0, Math.max(0, ended.length - limit));
  };
  return [
    ...of('Complete', spec.successfulJobsHistoryLimit ?? 3),
    ...of('Failed', spec.failedJobsHistoryLimit ?? 1),
  ];
}

/** Named after the minute, so that one that was made is not made twice. */
function jobOf(cronJob: CronJob, dueSeconds: number): Job {
  const { jobTemplate } = cronJob.spec;
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name: `${cronJob.metadata.name}-${Math.floor(dueSeconds / 60)}`,
      namespace: cronJob.metadata.namespace as string,
      ...(jobTemplate.metadata?.labels === undefined
        ? {}
        : { labels: jobTemplate.metadata.labels }),
      annotations: {
        ...jobTemplate.metadata?.annotations,
        'batch.kubernetes.io/cronjob-scheduled-timestamp': timeText(dueSeconds * 1000),
      },
      ownerReferences: [controllerReference(cronJob)],
    },
    spec: jobTemplate.spec,
  };
}
