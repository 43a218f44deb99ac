/** The CronJob controller: a Job at each time of the schedule. */
import { cronTimes, RESOURCES, type Outcome } from '../../kube/index.ts';
import { planCronJob, type CronJob } from '../core/index.ts';
import { SETTLED, type ControllerContext, type RunningController } from './context.ts';
import { createWatchedController, onChangeOf } from './watched-controller.ts';
import { createMissing, deleteExactly, isControlledBy, ownerKeys, writeStatus } from './writes.ts';

export function createCronJobController(context: ControllerContext): RunningController {
  const { informers } = context;
  return createWatchedController(context, {
    name: 'cronjob',
    triggers: [
      onChangeOf(informers.cronJobs, ({ metadata }) => [`${metadata.namespace}/${metadata.name}`]),
      onChangeOf(informers.jobs, (job) => ownerKeys(job, 'CronJob')),
    ],
    reconcile: (key) => reconcile(context, key),
  });
}

async function reconcile(context: ControllerContext, key: string): Promise<Outcome> {
  const { client, informers, clock } = context;
  const cronJob = informers.cronJobs.get(key);
  if (cronJob === undefined || cronJob.metadata.deletionTimestamp !== undefined) return SETTLED;
  const jobs = informers.jobs.list().filter((job) => isControlledBy(job, cronJob));
  const nowMs = clock.wall();
  const times = timesOf(cronJob, nowMs);
  if (times === undefined) {
    context.event(cronJob, 'Warning', 'UnparseableSchedule', cronJob.spec.schedule);
    return SETTLED;
  }
  const { dueMs, nextMs } = times;
  const plan = planCronJob(cronJob, jobs, {
    dueSeconds: dueMs === undefined ? undefined : dueMs / 1000,
    nowSeconds: nowMs / 1000,
  });
  for (const job of plan.remove) await deleteExactly(client, RESOURCES.jobs, job);
  if (plan.create !== undefined && (await createMissing(client, RESOURCES.jobs, plan.create))) {
    const note = `Created job ${plan.create.metadata.name}`;
    context.event(cronJob, 'Normal', 'SuccessfulCreate', note);
  }
  await writeStatus(client, RESOURCES.cronJobs, cronJob, plan.status);
  return nextMs === undefined ? SETTLED : { kind: 'requeueAfter', afterMs: nextMs - nowMs };
}

/** The last time that has come since the last Job, and the next one; undefined for a schedule that cannot be read. */
function timesOf(
  { spec, status, metadata }: CronJob,
  nowMs: number,
): { readonly dueMs: number | undefined; readonly nextMs: number | undefined } | undefined {
  try {
    const times = cronTimes(spec.schedule, spec.timeZone);
    const since = Date.parse(status?.lastScheduleTime ?? metadata.creationTimestamp ?? '');
    const last = times.last(nowMs);
    const dueMs = last !== undefined && last > since ? last : undefined;
    return { dueMs, nextMs: times.next(nowMs) };
  } catch {
    return undefined;
  }
}
