/** The Job controller: pods until enough have succeeded, or too many have failed. */
import { RESOURCES, type Outcome } from '../../kube/index.ts';
import { planJob, type Job } from '../core/index.ts';
import { SETTLED, type ControllerContext, type RunningController } from './context.ts';
import { createPodOwnerController, type OwnedPods } from './pod-owner.ts';
import { deleteExactly, writeStatus } from './writes.ts';

export function createJobController(context: ControllerContext): RunningController {
  return createPodOwnerController(context, {
    name: 'job',
    kind: 'Job',
    owners: context.informers.jobs,
    reconcile: (job, pods) => reconcile(context, job, pods),
  });
}

async function reconcile(
  { client, clock }: ControllerContext,
  job: Job,
  pods: OwnedPods,
): Promise<Outcome> {
  const plan = planJob(job, pods.all, Math.floor(clock.wall() / 1000));
  if (plan.expired) {
    await deleteExactly(client, RESOURCES.jobs, job);
    return SETTLED;
  }
  await pods.create(plan.create);
  await pods.remove(plan.remove);
  await writeStatus(client, RESOURCES.jobs, job, plan.status);
  const { againInSeconds } = plan;
  return againInSeconds === undefined
    ? SETTLED
    : { kind: 'requeueAfter', afterMs: againInSeconds * 1000 };
}
