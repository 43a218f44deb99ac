/** The row of a pod in `kubectl get pods`: readiness, the one word for its state, restarts. */
import { at, listAt, numberAt, objectAt, textAt } from './fields.ts';
import { ageSince } from './human-duration.ts';
import type { KubeObject } from './types.ts';

interface Summary {
  reason: string;
  ready: number;
  restarts: number;
  lastRestart: string;
}

/** Cells of a pod, wide ones included. */
export function podCells(pod: KubeObject, now: Date): unknown[] {
  const summary = summarize(pod);
  const { restarts, lastRestart } = summary;
  const sidecars = listAt(pod, 'spec', 'initContainers').filter(isSidecar).length;
  const total = listAt(pod, 'spec', 'containers').length + sidecars;
  const ago = restarts !== 0 && lastRestart !== '' ? ` (${ageSince(lastRestart, now)} ago)` : '';
  return [
    pod.metadata.name,
    `${summary.ready}/${total}`,
    finalReason(pod, summary.reason),
    `${restarts}${ago}`,
    ageSince(pod.metadata.creationTimestamp, now),
    textAt(listAt(pod, 'status', 'podIPs')[0], 'ip') || textAt(pod, 'status', 'podIP') || '<none>',
    textAt(pod, 'spec', 'nodeName') || '<none>',
    textAt(pod, 'status', 'nominatedNodeName') || '<none>',
    readinessGates(pod),
  ];
}

function isSidecar(container: unknown): boolean {
  return at(container, 'restartPolicy') === 'Always';
}

function hasCondition(pod: KubeObject, type: string): boolean {
  return listAt(pod, 'status', 'conditions').some(
    (condition) => at(condition, 'type') === type && at(condition, 'status') === 'True',
  );
}

function finalReason(pod: KubeObject, reason: string): string {
  if (pod.metadata['deletionTimestamp'] === undefined) return reason;
  if (at(pod, 'status', 'reason') === 'NodeLost') return 'Unknown';
  const phase = textAt(pod, 'status', 'phase');
  return phase === 'Succeeded' || phase === 'Failed' ? reason : 'Terminating';
}

function summarize(pod: KubeObject): Summary {
  const isGated = listAt(pod, 'status', 'conditions').some(
    (condition) =>
      at(condition, 'type') === 'PodScheduled' && at(condition, 'reason') === 'SchedulingGated',
  );
  const phase = textAt(pod, 'status', 'reason') || textAt(pod, 'status', 'phase');
  const summary: Summary = {
    reason: isGated ? 'SchedulingGated' : phase,
    ready: 0,
    restarts: 0,
    lastRestart: '',
  };
  const sidecar: Summary = { ...summary };
  const isInitializing = initContainers(pod, summary, sidecar);
  if (!isInitializing || hasCondition(pod, 'Initialized')) {
    summary.restarts = sidecar.restarts;
    summary.lastRestart = sidecar.lastRestart;
    appContainers(pod, summary);
  }
  return summary;
}

function countRestarts(summary: Summary, status: unknown): void {
  summary.restarts += numberAt(status, 'restartCount');
  const finished = textAt(status, 'lastState', 'terminated', 'finishedAt');
  if (finished > summary.lastRestart) summary.lastRestart = finished;
}

/** Fills `summary` from the init containers; true while one of them is not done. */
function initContainers(pod: KubeObject, summary: Summary, sidecar: Summary): boolean {
  const specs = listAt(pod, 'spec', 'initContainers');
  for (const [i, status] of listAt(pod, 'status', 'initContainerStatuses').entries()) {
    const spec = specs.find((container) => at(container, 'name') === at(status, 'name'));
    countRestarts(summary, status);
    if (isSidecar(spec)) countRestarts(sidecar, status);
    const terminated = at(status, 'state', 'terminated');
    if (terminated !== undefined && numberAt(terminated, 'exitCode') === 0) continue;
    if (isSidecar(spec) && at(status, 'started') === true) {
      if (at(status, 'ready') === true) summary.ready += 1;
      continue;
    }
    const waiting = textAt(status, 'state', 'waiting', 'reason');
    if (terminated !== undefined) summary.reason = `Init:${exitReason(terminated)}`;
    else if (waiting !== '' && waiting !== 'PodInitializing') summary.reason = `Init:${waiting}`;
    else summary.reason = `Init:${i}/${specs.length}`;
    return true;
  }
  return false;
}

function exitReason(terminated: unknown): string {
  const reason = textAt(terminated, 'reason');
  if (reason !== '') return reason;
  const signal = numberAt(terminated, 'signal');
  return signal === 0 ? `ExitCode:${numberAt(terminated, 'exitCode')}` : `Signal:${signal}`;
}

function appContainers(pod: KubeObject, summary: Summary): void {
  let hasRunning = false;
  for (const status of listAt(pod, 'status', 'containerStatuses').toReversed()) {
    countRestarts(summary, status);
    const waiting = textAt(status, 'state', 'waiting', 'reason');
    const terminated = at(status, 'state', 'terminated');
    if (waiting !== '') summary.reason = waiting;
    else if (terminated !== undefined) summary.reason = exitReason(terminated);
    else if (at(status, 'ready') === true && at(status, 'state', 'running') !== undefined) {
      hasRunning = true;
      summary.ready += 1;
    }
  }
  if (summary.reason === 'Completed' && hasRunning) {
    summary.reason = hasCondition(pod, 'Ready') ? 'Running' : 'NotReady';
  }
}

function readinessGates(pod: KubeObject): string {
  const gates = listAt(pod, 'spec', 'readinessGates');
  if (gates.length === 0) return '<none>';
  const met = gates.filter((gate) => hasCondition(pod, textAt(gate, 'conditionType'))).length;
  return `${met}/${gates.length}`;
}

/** Rows of finished pods carry a condition, by which clients may hide them. */
export function podRowConditions(pod: KubeObject): Record<string, unknown>[] | undefined {
  const phase = textAt(objectAt(pod, 'status'), 'phase');
  if (phase === 'Succeeded') {
    return [
      {
        type: 'Completed',
        status: 'True',
        reason: 'Succeeded',
        message: 'The pod has completed successfully.',
      },
    ];
  }
  if (phase !== 'Failed') return undefined;
  return [{ type: 'Completed', status: 'True', reason: 'Failed', message: 'The pod failed.' }];
}
