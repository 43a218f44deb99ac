/** Jobs and CronJobs as both backends treat them; the schedule itself is in the tests of its pure part. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CronJob, Job } from '../../../src/devcluster/core/index.ts';
import { RESOURCES, type KubeResource, type ResourceType } from '../../../src/kube/index.ts';
import { eventually } from '../../eventually.ts';
import { NAMESPACE, objectOf, shell, type TestCluster } from '../cluster.ts';

const WAIT_MS = 60_000;
const jobSpec = (script: string, spec: object = {}) => ({
  ...spec,
  template: { spec: { restartPolicy: 'Never', containers: [shell('main', script)] } },
});

export function batchBehaviour(world: () => TestCluster): void {
  const get = <T extends KubeResource>(type: ResourceType, name: string) =>
    world().client.get<T>(type, { namespace: NAMESPACE, name });
  const ended = (name: string, type: string): Promise<Job> =>
    eventually(
      `${name} to be ${type}`,
      async () => {
        const job = await get<Job>(RESOURCES.jobs, name);
        const isSo = job?.status?.conditions?.some(
          (one) => one.type === type && one.status === 'True',
        );
        return isSo === true ? job : undefined;
      },
      WAIT_MS,
    );

  test('a Job is complete when its pod has succeeded, and goes with its pod when its time is over', async () => {
    const spec = jobSpec('echo done', { ttlSecondsAfterFinished: 2 });
    await world().client.create(RESOURCES.jobs, objectOf('batch/v1', 'Job', 'once', { spec }));
    const { status } = await ended('once', 'Complete');
    assert.equal(status?.succeeded, 1);
    assert.ok((status?.startTime ?? 'z') <= (status?.completionTime ?? ''));
    await world().gone(RESOURCES.jobs, 'once');
    await eventually('its pod to be gone', async () => {
      const labelSelector = 'batch.kubernetes.io/job-name=once';
      const scope = { namespace: NAMESPACE, labelSelector };
      return (await world().client.list(RESOURCES.pods, scope)).items.length === 0;
    });
  });

  test('a Job whose pod fails more often than it may has failed', async () => {
    const spec = jobSpec('exit 3', { backoffLimit: 0 });
    await world().client.create(RESOURCES.jobs, objectOf('batch/v1', 'Job', 'hopeless', { spec }));
    const { status } = await ended('hopeless', 'Failed');
    const failed = status?.conditions?.find(({ type }) => type === 'Failed');
    assert.equal(failed?.reason, 'BackoffLimitExceeded');
    assert.equal(failed?.message, 'Job has reached the specified backoff limit');
    assert.equal(status?.failed, 1);
    const ref = { namespace: NAMESPACE, name: 'hopeless' };
    await world().client.delete(RESOURCES.jobs, ref, { propagationPolicy: 'Background' });
  });

  test('a CronJob knows of a Job that was made of it by hand, and takes it along', async () => {
    const schedule = { schedule: '0 0 1 1 *', suspend: true };
    const made = await world().client.create<CronJob>(
      RESOURCES.cronJobs,
      objectOf('batch/v1', 'CronJob', 'yearly', {
        spec: { ...schedule, jobTemplate: { spec: jobSpec('echo done') } },
      }) as unknown as CronJob,
    );
    const owner = { apiVersion: 'batch/v1', kind: 'CronJob', name: 'yearly', controller: true };
    const job = objectOf('batch/v1', 'Job', 'by-hand', { spec: made.spec.jobTemplate.spec });
    const ownerReferences = [{ ...owner, uid: made.metadata.uid as string }];
    await world().client.create(RESOURCES.jobs, {
      ...job,
      metadata: { ...job.metadata, ownerReferences },
    });
    const { status } = await ended('by-hand', 'Complete');
    await eventually('the CronJob to know', async () => {
      const cronJob = await get<CronJob>(RESOURCES.cronJobs, 'yearly');
      return cronJob?.status?.lastSuccessfulTime === status?.completionTime;
    });
    const ref = { namespace: NAMESPACE, name: 'yearly' };
    await world().client.delete(RESOURCES.cronJobs, ref, { propagationPolicy: 'Background' });
    await world().gone(RESOURCES.jobs, 'by-hand');
  });
}
