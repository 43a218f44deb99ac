/** What the controllers of Jobs and CronJobs decide: retries, deadlines, time to live, history, concurrency. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CronJob, Job, JobStatus } from '../../../src/devcluster/core/batch-kinds.ts';
import { planCronJob, planJob, type Pod } from '../../../src/devcluster/core/index.ts';
import { timeSeconds } from '../../../src/std/index.ts';
import { verifies } from '../../requirements.ts';

const T0 = '2026-01-01T00:00:00Z';
const at = (seconds: number): number => timeSeconds(T0) + seconds;
const text = (seconds: number): string =>
  new Date(at(seconds) * 1000).toISOString().replace('.000', '');

function job(spec: object = {}, status?: JobStatus, name = 'copy'): Job {
  const template = { spec: { restartPolicy: 'Never' as const, containers: [] } };
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name, namespace: 'default', uid: name, creationTimestamp: T0 },
    spec: { completions: 1, parallelism: 1, backoffLimit: 3, template, ...spec },
    ...(status === undefined ? {} : { status }),
  };
}
function pod(phase: 'Running' | 'Succeeded' | 'Failed', finishedAt?: string): Pod {
  const terminated = {
    exitCode: 1,
    reason: 'Error',
    ...(finishedAt === undefined ? {} : { finishedAt }),
  };
  const main = {
    name: 'main',
    image: 'x',
    imageID: '',
    ready: false,
    restartCount: 0,
    started: false,
  };
  const containerStatuses = [{ ...main, state: { terminated }, lastState: {} }];
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { uid: phase },
    spec: { containers: [] },
    status: { phase, containerStatuses },
  };
}
const reasonOf = (plan: { status: JobStatus }): string | undefined =>
  plan.status.conditions?.find(({ type }) => type === 'Failed' || type === 'Complete')?.reason;

test(verifies('devcluster.jobs'), () => {
  const first = planJob(job(), [], at(0));
  assert.equal(first.create, 1);
  assert.equal(first.status.startTime, T0);
  assert.equal(planJob(job(), [pod('Running')], at(1)).create, 0);
  assert.equal(planJob(job({ parallelism: 3, completions: 2 }), [pod('Running')], at(1)).create, 1);
  assert.equal(planJob(job({ suspend: true }), [pod('Running')], at(1)).remove.length, 1);

  // Ten seconds after the first failure, twenty after the second.
  const one = [pod('Failed', text(5))];
  assert.deepEqual(
    [planJob(job(), one, at(6))].map(({ create, againInSeconds }) => [create, againInSeconds]),
    [[0, 9]],
  );
  assert.equal(planJob(job(), one, at(15)).create, 1);
  const two = [...one, pod('Failed', text(20))];
  assert.equal(planJob(job(), two, at(39)).create, 0);
  assert.equal(planJob(job(), two, at(40)).create, 1);
  const four = [...two, pod('Failed', text(40)), pod('Failed', text(80))];
  assert.equal(reasonOf(planJob(job(), four, at(81))), 'BackoffLimitExceeded');

  const late = job({ activeDeadlineSeconds: 60 }, { startTime: T0 });
  assert.equal(planJob(late, [pod('Running')], at(59)).againInSeconds, 1);
  const over = planJob(late, [pod('Running')], at(60));
  assert.equal(reasonOf(over), 'DeadlineExceeded');
  assert.equal(over.remove.length, 1);

  const done = planJob(job({ ttlSecondsAfterFinished: 30 }), [pod('Succeeded')], at(9));
  assert.equal(reasonOf(done), 'CompletionsReached');
  assert.equal(done.status.completionTime, text(9));
  const kept = job({ ttlSecondsAfterFinished: 30 }, done.status);
  assert.equal(planJob(kept, [], at(38)).expired, false);
  assert.equal(planJob(kept, [], at(39)).expired, true);
  assert.equal(planJob(job({}, done.status), [], at(1e6)).create, 0, 'never twice');
});

function cronJob(spec: object = {}): CronJob {
  return {
    apiVersion: 'batch/v1',
    kind: 'CronJob',
    metadata: { name: 'nightly', namespace: 'default', uid: 'cron', creationTimestamp: T0 },
    spec: {
      schedule: '* * * * *',
      jobTemplate: { metadata: { labels: { a: 'b' } }, spec: job().spec },
      ...spec,
    },
  };
}
const ended = (type: 'Complete' | 'Failed', seconds: number): Job =>
  job(
    {},
    {
      startTime: text(seconds),
      ...(type === 'Complete' ? { completionTime: text(seconds + 1) } : {}),
      conditions: [{ type, status: 'True', lastTransitionTime: text(seconds + 1) }],
    },
    `${type}-${seconds}`,
  );

test(verifies('devcluster.cron-jobs'), () => {
  const due = { dueSeconds: at(60), nowSeconds: at(61) };
  const plan = planCronJob(cronJob(), [], due);
  assert.partialDeepStrictEqual(plan.create, {
    metadata: {
      name: `nightly-${at(60) / 60}`,
      labels: { a: 'b' },
      annotations: { 'batch.kubernetes.io/cronjob-scheduled-timestamp': text(60) },
      ownerReferences: [{ kind: 'CronJob', uid: 'cron', controller: true }],
    },
    spec: job().spec,
  });
  assert.equal(plan.status.lastScheduleTime, text(60));
  assert.equal(planCronJob(cronJob(), [], { ...due, dueSeconds: undefined }).create, undefined);
  assert.equal(planCronJob(cronJob({ suspend: true }), [], due).create, undefined);
  const strict = cronJob({ startingDeadlineSeconds: 10 });
  assert.equal(planCronJob(strict, [], { ...due, nowSeconds: at(71) }).create, undefined);

  const busy = [job()];
  assert.ok(planCronJob(cronJob({ concurrencyPolicy: 'Allow' }), busy, due).create);
  assert.equal(planCronJob(cronJob({ concurrencyPolicy: 'Forbid' }), busy, due).create, undefined);
  const replaced = planCronJob(cronJob({ concurrencyPolicy: 'Replace' }), busy, due);
  assert.ok(replaced.create);
  assert.deepEqual(replaced.remove, busy);

  const history = [40, 10, 30, 20].map((seconds) => ended('Complete', seconds));
  const failures = [15, 5].map((seconds) => ended('Failed', seconds));
  const kept = planCronJob(cronJob(), [...history, ...failures], { ...due, dueSeconds: undefined });
  assert.deepEqual(
    kept.remove.map(({ metadata }) => metadata.name),
    ['Complete-10', 'Failed-5'],
  );
  assert.equal(kept.status.lastSuccessfulTime, text(41));
});
