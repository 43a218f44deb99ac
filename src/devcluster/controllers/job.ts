/** The Job controller: pods until enough have succeeded, or too many have failed. */
import { RESOURCES, type Outcome } from '../../kube/index.ts';
import { planJob, podFromTemplate } from '../core/index.ts';
import {
  LOOK_AGAIN_MS_MAX,
  SETTLED,
  type ControllerContext,
  type RunningController,
} from './context.ts';
import { createExpectations, type Expectations } from './expectations.ts';
import { createWatchedController, onChangeOf } from './watched-controller.ts';
import { deleteExactly, isControlledBy, ownerKeys, writeStatus } from './writes.ts';

export function createJobController(context: ControllerContext): RunningController {
  const { informers, clock } = context;
  const expectations = createExpectations(clock);
  return createWatchedController(context, {
    name: 'job',
    triggers: [
      onChangeOf(informers.jobs, ({ metadata }) => [`${metadata.namespace}/${metadata.name}`]),
      onChangeOf(informers.pods, (pod) => ownerKeys(pod, 'Job')),
    ],
    reconcile: (key) => reconcile(context, expectations, key),
  });
}

async function reconcile(
  context: ControllerContext,
  expectations: Expectations,
  key: string,
): Promise<Outcome> {
  const { client, informers, clock } = context;
  const job = informers.jobs.get(key);
  if (job === undefined) expectations.forget(key);
  if (job === undefined || job.metadata.deletionTimestamp !== undefined) return SETTLED;
  const pods = informers.pods.list().filter((pod) => isControlledBy(pod, job));
  const live = pods.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  const isFresh = expectations.areMet(key, {
    names: new Set(pods.map(({ metadata }) => metadata.name as string)),
    liveUids: new Set(live.map(({ metadata }) => metadata.uid as string)),
  });
  if (!isFresh) return { kind: 'requeueAfter', afterMs: 50 };
  const plan = planJob(job, pods, Math.floor(clock.wall() / 1000));
  if (plan.expired) {
    await deleteExactly(client, RESOURCES.jobs, job);
    return SETTLED;
  }
  for (let missing = plan.create; missing > 0; missing--) {
    const pod = await client.create(RESOURCES.pods, podFromTemplate(job));
    expectations.created(key, pod.metadata.name as string);
    context.event(job, 'Normal', 'SuccessfulCreate', `Created pod: ${pod.metadata.name}`);
  }
  for (const pod of plan.remove) {
    await deleteExactly(client, RESOURCES.pods, pod);
    expectations.deleted(key, pod.metadata.uid as string);
  }
  await writeStatus(client, RESOURCES.jobs, job, plan.status);
  const { againInSeconds } = plan;
  return againInSeconds === undefined
    ? SETTLED
    : { kind: 'requeueAfter', afterMs: Math.min(againInSeconds * 1000, LOOK_AGAIN_MS_MAX) };
}
