/** The cells of Jobs and CronJobs in `kubectl get`. */
import { at, listAt, numberAt, textAt } from './fields.ts';
import { ageSince, humanDuration } from './human-duration.ts';
import { containersOf, selector } from './row-parts.ts';
import type { KubeObject } from './types.ts';

export function jobCells(object: KubeObject, now: Date): unknown[] {
  const { spec } = object;
  const succeeded = numberAt(object, 'status', 'succeeded');
  const completions = at(spec, 'completions');
  const parallelism = numberAt(spec, 'parallelism');
  const wanted = completions === undefined && parallelism > 1 ? `1 of ${parallelism}` : completions;
  const started = textAt(object, 'status', 'startTime');
  const ended = textAt(object, 'status', 'completionTime');
  const until = ended === '' ? now.getTime() : Date.parse(ended);
  return [
    object.metadata.name,
    jobState(object),
    `${succeeded}/${String(wanted ?? 1)}`,
    started === '' ? '' : humanDuration(until - Date.parse(started)),
    ageSince(object.metadata.creationTimestamp, now),
    ...containersOf(spec),
    selector(at(spec, 'selector')),
  ];
}

function jobState(object: KubeObject): string {
  const conditions = listAt(object, 'status', 'conditions');
  const states = ['Complete', 'Failed', 'Suspended', 'FailureTarget', 'SuccessCriteriaMet'];
  const isTrue = (type: string): boolean =>
    conditions.some((one) => at(one, 'type') === type && at(one, 'status') === 'True');
  const [first] = states.filter(isTrue);
  const isOver = first === 'Complete' || first === 'Failed';
  if (!isOver && object.metadata['deletionTimestamp'] !== undefined) return 'Terminating';
  return first ?? 'Running';
}

export function cronJobCells(object: KubeObject, now: Date): unknown[] {
  const { spec } = object;
  const last = textAt(object, 'status', 'lastScheduleTime');
  const job = at(spec, 'jobTemplate', 'spec');
  return [
    object.metadata.name,
    textAt(spec, 'schedule'),
    textAt(spec, 'timeZone') || '<none>',
    at(spec, 'suspend') === true ? 'True' : 'False',
    listAt(object, 'status', 'active').length,
    last === '' ? '<none>' : ageSince(last, now),
    ageSince(object.metadata.creationTimestamp, now),
    ...containersOf(job),
    selector(at(job, 'selector')),
  ];
}
