/** `backup`: takes a backup now, by a Job of the CronJob that `spec.backup` asks for; what `kubectl create job --from` does. */
import { systemClock, UsageError } from '../../host/index.ts';
import { RESOURCES, type KubeObject } from '../../kube/index.ts';
import type { ActFlags } from './act.ts';
import { attempt, findCluster, type Session } from './session.ts';

interface CronJob extends KubeObject {
  readonly spec: {
    readonly jobTemplate: { readonly metadata?: KubeObject['metadata']; readonly spec: object };
  };
}

export async function backup(session: Session, name: string, flags: ActFlags): Promise<void> {
  const { client, namespace } = session;
  await findCluster(session, name);
  const schedule = `${name}-backup`;
  const type = RESOURCES.cronJobs;
  const found = await attempt(
    session,
    'get',
    type,
    client.get<CronJob>(type, { namespace, name: schedule }),
  );
  if (found === undefined) {
    throw new UsageError(
      `${name}: there is no CronJob ${schedule}: set spec.backup, and its schedule takes backups, too`,
    );
  }
  const { metadata, spec } = found.spec.jobTemplate;
  // As many characters as a Job's pods leave for its name, and no two alike within a second.
  const job = `${schedule}-${Math.floor(systemClock.wall() / 1000).toString(36)}`;
  const isDry = flags.dryRun === 'server';
  await attempt(
    session,
    'create',
    RESOURCES.jobs,
    client.create(
      RESOURCES.jobs,
      {
        apiVersion: 'batch/v1',
        kind: 'Job',
        metadata: {
          name: job,
          namespace,
          labels: { ...metadata?.labels },
          annotations: { ...metadata?.annotations, 'cronjob.kubernetes.io/instantiate': 'manual' },
          ownerReferences: [
            {
              apiVersion: 'batch/v1',
              kind: 'CronJob',
              name: schedule,
              uid: found.metadata.uid ?? '',
              controller: true,
            },
          ],
        },
        spec,
      },
      { dryRun: isDry },
    ),
  );
  session.print(
    `${name}: the Job ${job} takes a backup${isDry ? ' (dry run: nothing was stored)' : ''}`,
  );
  if (!isDry) {
    session.print(`kubectl wait job/${job} --for=condition=Complete${session.flags}`);
  }
}
