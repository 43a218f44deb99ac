/** Jobs and CronJobs: the selector that a Job is given, and what may not be changed. */
import { Cron } from 'croner';
import type { StoredObject } from '../../objects/index.ts';
import type { FieldProblem } from '../../schema/index.ts';
import { asObject, asText, child, clone, equal, specOf, type JsonObject } from '../json.ts';
import { createStrategy, problem } from '../strategy.ts';
import { validateLabels } from '../validation/metadata.ts';
import { validatePodSpec } from '../validation/pod-spec.ts';

const NAME_LENGTH_MAX = 52;
const POLICIES = ['Never', 'OnFailure'];

/** As Kubernetes writes them: the first two are what it selects by, the others are kept for older clients. */
function jobLabels(job: StoredObject): Record<string, string> {
  const { uid = '', name = '' } = job.metadata;
  return {
    'batch.kubernetes.io/controller-uid': uid,
    'batch.kubernetes.io/job-name': name,
    'controller-uid': uid,
    'job-name': name,
  };
}

function selectOwnPods(job: StoredObject): void {
  const spec = child(job, 'spec');
  if (spec['manualSelector'] === true) return;
  const labels = child(child(child(spec, 'template'), 'metadata'), 'labels');
  Object.assign(labels, jobLabels(job));
  spec['selector'] = {
    matchLabels: { 'batch.kubernetes.io/controller-uid': job.metadata.uid ?? '' },
  };
}

function validateJobTemplate(spec: JsonObject, path: string): FieldProblem[] {
  const template = asObject(spec['template']);
  const podSpec = asObject(template['spec']);
  const labels = asObject(asObject(template['metadata'])['labels']) as Record<string, string>;
  const policy = asText(podSpec['restartPolicy']);
  const field = `${path}.template.spec.restartPolicy`;
  return [
    ...validateLabels(labels, `${path}.template.metadata.labels`),
    ...validatePodSpec(podSpec, `${path}.template.spec`),
    ...(policy === 'Always'
      ? [problem.required(field, 'valid values: "OnFailure", "Never"')]
      : POLICIES.includes(policy)
        ? []
        : [problem.notSupported(field, policy, POLICIES)]),
  ];
}

function immutable(spec: JsonObject, old: JsonObject, fields: readonly string[]): FieldProblem[] {
  return fields
    .filter((field) => !equal(spec[field], old[field]))
    .map((field) => problem.invalid(`spec.${field}`, spec[field], 'field is immutable'));
}

function keepSpec(object: StoredObject, old: StoredObject): void {
  object['spec'] = clone(old['spec']);
}

export const jobStrategy = createStrategy({
  generation: true,
  initialStatus: () => ({}),
  prepareForCreate(job) {
    job.metadata.generation = 1;
    selectOwnPods(job);
  },
  prepareForStatusUpdate: keepSpec,
  validate(job, old) {
    const spec = specOf(job);
    return [
      ...validateJobTemplate(spec, 'spec'),
      ...(old === undefined
        ? []
        : immutable(spec, specOf(old), ['completions', 'selector', 'template'])),
    ];
  },
});

export const cronJobStrategy = createStrategy({
  generation: true,
  initialStatus: () => ({}),
  prepareForCreate(cronJob) {
    cronJob.metadata.generation = 1;
  },
  prepareForStatusUpdate: keepSpec,
  validate(cronJob, old) {
    const spec = specOf(cronJob);
    const { name = '' } = cronJob.metadata;
    return [
      ...validateSchedule(spec),
      ...validateJobTemplate(
        asObject(asObject(spec['jobTemplate'])['spec']),
        'spec.jobTemplate.spec',
      ),
      ...(old === undefined && name.length > NAME_LENGTH_MAX
        ? [
            problem.invalid(
              'metadata.name',
              name,
              `must be no more than ${NAME_LENGTH_MAX} characters`,
            ),
          ]
        : []),
    ];
  },
});

function validateSchedule(spec: JsonObject): FieldProblem[] {
  const schedule = asText(spec['schedule']);
  const timeZone = asText(spec['timeZone']);
  if (schedule === '') return [problem.required('spec.schedule')];
  const words = schedule.split(/\s+/);
  if (words.length !== 5) {
    const detail = `expected exactly 5 fields, found ${words.length}: [${words.join(' ')}]`;
    return [problem.invalid('spec.schedule', schedule, detail)];
  }
  return [
    ...refused(() => new Cron(schedule, { paused: true })).map((detail) =>
      problem.invalid('spec.schedule', schedule, detail),
    ),
    ...(timeZone === ''
      ? []
      : refused(() => new Cron('* * * * *', { paused: true, timezone: timeZone }).nextRun()).map(
          () => problem.invalid('spec.timeZone', timeZone, `unknown time zone ${timeZone}`),
        )),
  ];
}

function refused(read: () => unknown): string[] {
  try {
    read();
    return [];
  } catch (error) {
    return [(error as Error).message];
  }
}
