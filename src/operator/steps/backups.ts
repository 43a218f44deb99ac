/** Keeps the volume and the CronJob of a cluster's backups, lets the first one be taken, and gives a new cluster its backup. */
import type { McpCluster } from '../../api/index.ts';
import { isAlreadyExists, RESOURCES } from '../../kube/index.ts';
import { backupSchedule } from '../backup-schedule.ts';
import {
  backupClaim,
  backupClaimName,
  backupCronJob,
  backupHealthy,
  backupStatus,
  firstBackupJob,
  isRestoring,
  isTerminating,
  objectNames,
  ownedBy,
  restored,
  restoreJob,
  restoreStatus,
  type BackupReport,
  type BackupSchedule,
  type BackupStatus,
  type Claim,
  type ClusterView,
  type CronJob,
  type Job,
  type JobRun,
  type ReconcileProblem,
} from '../core/index.ts';
import { ForeignObjectError } from '../ownership.ts';
import { resyncMs } from './objects.ts';
import { collect, ensureOwned, type Subject, type Tools } from './tools.ts';

export interface Backups extends BackupReport {
  readonly problems: readonly ReconcileProblem[];
}

/** Writes nothing while `spec.paused`. */
export async function keepBackups(
  subject: Subject,
  view: ClusterView,
  tools: Tools,
): Promise<Backups> {
  const { cluster } = subject;
  const schedule = scheduleOf(cluster, tools);
  const problems: ReconcileProblem[] = [];
  if (schedule?.kind === 'unusable') {
    problems.push({ reason: 'ScheduleUnusable', message: schedule.message });
  }
  if (!cluster.spec.paused) {
    const attempt = async (write: () => Promise<ReconcileProblem | undefined>): Promise<void> => {
      let found: ReconcileProblem | undefined;
      const refused = await collect(async () => void (found = await write()));
      const problem = refused ?? found;
      if (problem !== undefined) problems.push(problem);
    };
    await attempt(() => ensureClaims(subject, tools));
    await attempt(() => ensureCronJob(cluster, schedule, tools));
    await attempt(() => ensureFirst(cluster, { view, schedule }, tools));
    await attempt(() => ensureRestore(cluster, view, tools));
  }
  return { problems, ...report(cluster, { view, schedule }, tools) };
}

function report(
  cluster: McpCluster,
  { view, schedule }: { view: ClusterView; schedule: BackupSchedule | undefined },
  tools: Tools,
): BackupReport {
  const backup = rememberedBackups(cluster, tools);
  const restore = isRestoring(cluster)
    ? restoreStatus(restoreRun(cluster, tools), view.hasQuorum)
    : cluster.status?.restore;
  return {
    backup,
    restore,
    conditions: [
      ...(schedule === undefined ? [] : [backupHealthy(cluster, backup, schedule)]),
      ...(restore === undefined ? [] : [restored(restore)]),
    ],
  };
}

function rememberedBackups(cluster: McpCluster, tools: Tools): BackupStatus | undefined {
  return cluster.spec.backup === undefined
    ? undefined
    : backupStatus(cluster.status?.backup, backupRuns(cluster, tools));
}

function ownCronJob(cluster: McpCluster, { caches }: Tools): CronJob | undefined {
  const { namespace, name } = cluster.metadata;
  const found = caches.owned(RESOURCES.cronJobs, namespace, objectNames(name).backupCronJob);
  return found !== undefined && ownedBy(found, cluster.metadata.uid) ? found : undefined;
}

/** Jobs of the CronJob, also those that a person has made of it. */
function backupRuns(cluster: McpCluster, tools: Tools): readonly JobRun[] {
  const uid = ownCronJob(cluster, tools)?.metadata.uid;
  if (uid === undefined) return [];
  return runsOf(cluster, (job) => ownedBy(job, uid), tools);
}

function restoreRun(cluster: McpCluster, tools: Tools): JobRun | undefined {
  const { uid, name } = cluster.metadata;
  const names = objectNames(name);
  return runsOf(
    cluster,
    (job) => job.metadata.name === names.restoreJob && ownedBy(job, uid),
    tools,
  )[0];
}

function runsOf(
  cluster: McpCluster,
  isWanted: (job: Job) => boolean,
  { caches }: Tools,
): readonly JobRun[] {
  const jobs = caches.jobsOf(cluster).filter(isWanted);
  const pods = jobs.length === 0 ? [] : caches.backupPodsOf(cluster);
  return jobs.map((job) => ({
    job,
    pods: pods.filter((pod) => ownedBy(pod, job.metadata.uid ?? '')),
  }));
}

function scheduleOf(cluster: McpCluster, tools: Tools): BackupSchedule | undefined {
  const nowMs = tools.clock.wall();
  const since =
    rememberedBackups(cluster, tools)?.lastSuccessTime ??
    ownCronJob(cluster, tools)?.metadata.creationTimestamp;
  return backupSchedule(cluster, {
    nowMs,
    sinceMs: since === undefined ? nowMs : Date.parse(since),
  });
}

/** Claims are not watched: they are looked at when the spec has changed, when one is missing, and now and then. */
async function ensureClaims(
  { cluster, watched }: Subject,
  tools: Tools,
): Promise<ReconcileProblem | undefined> {
  const { client, clock, applier } = tools;
  const { namespace, generation } = cluster.metadata;
  const { backup, bootstrap } = cluster.spec;
  const fields = {
    ...(backup === undefined ? {} : { 'spec.backup.volume.claimName': backupClaimName(cluster) }),
    ...(isRestoring(cluster) && bootstrap !== undefined
      ? { 'spec.bootstrap.restore.claimName': bootstrap.restore.claimName }
      : {}),
  };
  const last = watched.backupClaims;
  const isKnown = last?.generation === generation && clock.monotonic() - last.at < resyncMs(tools);
  if (Object.keys(fields).length === 0 || isKnown) return undefined;
  const desired = backupClaim(cluster);
  for (const [field, name] of Object.entries(fields)) {
    const found = await client.get<Claim>(RESOURCES.persistentVolumeClaims, { namespace, name });
    if (name === desired?.metadata.name) {
      await applier.ensure(RESOURCES.persistentVolumeClaims, desired, found);
    } else if (found === undefined) {
      const message = `${field}: there is no PersistentVolumeClaim ${name} in namespace ${namespace}`;
      return { reason: 'VolumeMissing', message };
    }
  }
  watched.backupClaims = { generation, at: clock.monotonic() };
  return undefined;
}

/** A schedule that cannot be used leaves what was there before. */
async function ensureCronJob(
  cluster: McpCluster,
  schedule: BackupSchedule | undefined,
  tools: Tools,
): Promise<undefined> {
  const suspended = cluster.spec.hibernated || isRestoring(cluster);
  const desired = backupCronJob(cluster, { image: tools.sidecarImage, suspended });
  if (desired === undefined) {
    const cached = ownCronJob(cluster, tools);
    if (cached === undefined || isTerminating(cached)) return;
    const { namespace = '', name = '', uid } = cached.metadata;
    const ref = { namespace, name };
    const preconditions = uid === undefined ? {} : { preconditions: { uid } };
    await tools.client.delete(RESOURCES.cronJobs, ref, {
      propagationPolicy: 'Background',
      ...preconditions,
    });
  } else if (schedule?.kind === 'usable') {
    await ensureOwned(desired, RESOURCES.cronJobs, tools);
  }
}

/** Until one has succeeded; when a first one has failed, its Job stands until another one did better. */
async function ensureFirst(
  cluster: McpCluster,
  { view, schedule }: { view: ClusterView; schedule: BackupSchedule | undefined },
  tools: Tools,
): Promise<undefined> {
  const { backup, hibernated } = cluster.spec;
  if (backup?.immediate !== true || backup.suspend || hibernated || isRestoring(cluster)) return;
  if (!view.hasQuorum || schedule?.kind !== 'usable') return;
  if (rememberedBackups(cluster, tools)?.lastSuccessTime !== undefined) return;
  const cronJob = ownCronJob(cluster, tools);
  const { firstBackupJob: first } = objectNames(cluster.metadata.name);
  const known = backupRuns(cluster, tools).some(({ job }) => job.metadata.name === first);
  if (cronJob === undefined || known) return;
  await create(firstBackupJob(cluster, cronJob), tools);
}

async function ensureRestore(
  cluster: McpCluster,
  view: ClusterView,
  tools: Tools,
): Promise<undefined> {
  if (!isRestoring(cluster) || !view.hasQuorum || restoreRun(cluster, tools) !== undefined) return;
  const job = restoreJob(cluster, tools.sidecarImage);
  if (job !== undefined) await create(job, tools);
}

/** The cache may not show yet what was made a moment ago. */
async function create(
  job: NonNullable<ReturnType<typeof restoreJob>>,
  { client, logger }: Tools,
): Promise<void> {
  const { namespace, name } = job.metadata;
  try {
    await client.create(RESOURCES.jobs, job);
    logger.info('job created', { namespace, name });
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
    const found = await client.get<Job>(RESOURCES.jobs, { namespace, name });
    const owner = job.metadata.ownerReferences?.[0]?.uid ?? '';
    if (found === undefined || isTerminating(found) || ownedBy(found, owner)) return;
    throw new ForeignObjectError(found, 'somebody else');
  }
}
