/** What is wrong with a pod, in one stable word and one sentence that ends with what the server last said. */
import type { McpClusterMember } from '../../api/index.ts';
import { timeText } from '../../std/index.ts';
import { SERVER_CONTAINER, SIDECAR_CONTAINER } from './names.ts';
import type { SidecarReport } from './report.ts';
import { isStuck } from './lost-pods.ts';
import { isTerminating, type ContainerStatus, type Pod } from './shapes.ts';

/** A process gets this long to answer after its first start before its silence is a problem. */
export const START_MAX_MS = 15_000;
/** Volumes may have to be made before a node fits: only what lasts longer is a problem. */
export const SCHEDULING_MAX_MS = 30_000;
/** A node may have to pull a large image before a container starts. */
export const PULL_MAX_MS = 120_000;
const LINE_LENGTH_MAX = 400;

export interface Problem {
  readonly reason:
    | 'ServerCrashing'
    | 'ServerNotAnswering'
    | 'ServerNotStarted'
    | 'ImageUnavailable'
    | 'SidecarCrashing'
    | 'PodUnschedulable'
    | 'MemberDead'
    | 'PodStuck'
    | 'DataLost'
    | 'DataUnusable'
    | 'DataOfRemovedMember'
    | 'CertificateRefused'
    | 'CertificateNotRenewed';
  readonly message: string;
}

export interface ProblemInput {
  readonly name: string;
  readonly pod: Pod | undefined;
  readonly report: SidecarReport | undefined;
  readonly health: NonNullable<McpClusterMember['health']>;
  /** See `isStarting`. */
  readonly starting: boolean;
  /** How long ago an instant of the API was, in ms. */
  readonly ageMs: (instant: string) => number;
  /** Last line of the server's log, when it was fetched. */
  readonly logLine: string | undefined;
  /** Why the operator gives it no certificate; undefined when it does. */
  readonly refusal: string | undefined;
}

const IMAGE_REASONS = new Set([
  'ErrImagePull',
  'ImagePullBackOff',
  'InvalidImageName',
  'ErrImageNeverPull',
  'ImageInspectError',
]);
const CREATING_REASONS = new Set(['ContainerCreating', 'PodInitializing']);
const START_REASONS = new Set([
  'CreateContainerConfigError',
  'CreateContainerError',
  'RunContainerError',
]);

/** The gravest problem of a pod that is meant to run; while it starts, only proof of a failure is one. */
export function podProblem(input: ProblemInput): Problem | undefined {
  const { pod } = input;
  if (pod === undefined) return undefined;
  if (isTerminating(pod)) return isStuck(pod, input.ageMs) ? stuck(pod) : undefined;
  const sidecar = containerOf(pod, SIDECAR_CONTAINER);
  const server = containerOf(pod, SERVER_CONTAINER);
  return (
    unschedulable(pod, input.ageMs) ??
    (sidecar === undefined ? undefined : notStarted(sidecar, 'sidecar', input)) ??
    // Without its first certificate a sidecar does not come up, so that is the cause of all that follows.
    (input.report?.kind === 'answered' ? undefined : refused(input)) ??
    (sidecar === undefined ? undefined : crashing(sidecar, 'SidecarCrashing', undefined)) ??
    (server === undefined ? undefined : serverProblem(server, input)) ??
    (input.health === 'Dead' && !input.starting
      ? { reason: 'MemberDead', message: `${input.name} does not answer its peers` }
      : undefined) ??
    refused(input) ??
    notRenewed(input.report)
  );
}

function refused({ refusal }: ProblemInput): Problem | undefined {
  return refusal === undefined
    ? undefined
    : { reason: 'CertificateRefused', message: `no certificate is given to it: ${refusal}` };
}

/** It works as long as the certificate lasts that it has. */
function notRenewed(report: SidecarReport | undefined): Problem | undefined {
  if (report?.kind !== 'answered' || report.status.certificate?.overdue !== true) return undefined;
  const { expiresAt, renewalDueAt, failure, failureMessage } = report.status.certificate;
  const [due, end] = [renewalDueAt, expiresAt].map(timeText);
  const why = failure === '' ? 'it did not ask yet' : `${failure}: ${failureMessage}`;
  const todo = failure === 'no-answer' ? `; ${TO_REACH_US}` : '';
  const message = `its certificate was to be renewed at ${due} and ends at ${end}: ${why}${todo}`;
  return { reason: 'CertificateNotRenewed', message };
}

const TO_REACH_US =
  'its pod does not reach the operator: see which NetworkPolicy or firewall keeps it from the Service of the operator';

function stuck({ metadata: { name, deletionTimestamp }, spec }: Pod): Problem {
  return {
    reason: 'PodStuck',
    message:
      `${name} was to be gone at ${deletionTimestamp}, and node ${spec?.nodeName} does not end it; ` +
      'it is deleted by force as soon as a quorum has found it dead and its lease is over',
  };
}

/** Whether the sidecar of `pod` is to be given time: one that has crashed before is not given that of a first start. */
export function isStarting(pod: Pod, ageMs: ProblemInput['ageMs']): boolean {
  const sidecar = containerOf(pod, SIDECAR_CONTAINER);
  if (sidecar === undefined) return true;
  const startedAt = sidecar.state?.running?.startedAt;
  return (
    sidecar.restartCount === 0 &&
    sidecar.state?.terminated === undefined &&
    (startedAt === undefined || ageMs(startedAt) < START_MAX_MS)
  );
}

/** True when the sentence about `pod` gets better with the last line of its server's log. */
export function wantsLogLine(pod: Pod, report: SidecarReport | undefined): boolean {
  const server = containerOf(pod, SERVER_CONTAINER);
  if (server === undefined || isTerminating(pod)) return false;
  if (terminationLine(server) !== undefined) return false;
  return server.restartCount > 0 || backendProblem(report) !== undefined;
}

function containerOf(pod: Pod, name: string): ContainerStatus | undefined {
  const { initContainerStatuses = [], containerStatuses = [] } = pod.status ?? {};
  return [...initContainerStatuses, ...containerStatuses].find(
    (container) => container.name === name,
  );
}

function unschedulable(pod: Pod, ageMs: ProblemInput['ageMs']): Problem | undefined {
  const condition = pod.status?.conditions?.find(({ type }) => type === 'PodScheduled');
  if (condition?.status !== 'False' || condition.reason !== 'Unschedulable') return undefined;
  if (pod.status?.podIP !== undefined) return undefined;
  const since = condition.lastTransitionTime ?? pod.metadata.creationTimestamp;
  if (since === undefined || ageMs(since) < SCHEDULING_MAX_MS) return undefined;
  return {
    reason: 'PodUnschedulable',
    message: `no node fits ${pod.metadata.name}: ${condition.message ?? 'no reason given'}`,
  };
}

/** What keeps a container from running at all. */
function notStarted(
  container: ContainerStatus,
  what: string,
  { pod, ageMs }: ProblemInput,
): Problem | undefined {
  if (container.state?.waiting === undefined) return undefined;
  const { reason = '', message } = container.state.waiting;
  const sentence = `${what}: ${reason}${message === undefined ? '' : `: ${message}`}`;
  if (IMAGE_REASONS.has(reason)) return { reason: 'ImageUnavailable', message: sentence };
  if (START_REASONS.has(reason)) return { reason: 'ServerNotStarted', message: sentence };
  const createdAt = pod?.metadata.creationTimestamp;
  const isLate = createdAt !== undefined && ageMs(createdAt) >= PULL_MAX_MS;
  return CREATING_REASONS.has(reason) && container.restartCount === 0 && isLate
    ? { reason: 'ServerNotStarted', message: sentence }
    : undefined;
}

function crashing(
  container: ContainerStatus,
  reason: 'ServerCrashing' | 'SidecarCrashing',
  logLine: string | undefined,
): Problem | undefined {
  const ended = container.state?.terminated ?? container.lastState?.terminated;
  const isDown = container.state?.running === undefined;
  if (ended === undefined || !isDown) return undefined;
  const last = terminationLine(container) ?? logLine;
  const times = container.restartCount === 0 ? '' : `, ${container.restartCount} restarts`;
  // 137 alone may be anybody's SIGKILL.
  const why = ended.reason === 'OOMKilled' ? ' (OOMKilled: it took more than its limit)' : '';
  const how = `${container.name} exited with code ${ended.exitCode}${why}${times}`;
  return { reason, message: last === undefined ? how : `${how}; last log line: ${last}` };
}

function serverProblem(server: ContainerStatus, input: ProblemInput): Problem | undefined {
  const last = terminationLine(server) ?? input.logLine;
  const stopped =
    notStarted(server, 'server', input) ?? crashing(server, 'ServerCrashing', input.logLine);
  if (stopped !== undefined) return stopped;
  const problem = backendProblem(input.report);
  if (problem === undefined || isServerStarting(server, input.ageMs)) return undefined;
  const reason = server.restartCount > 0 ? 'ServerCrashing' : 'ServerNotAnswering';
  return {
    reason,
    message: last === undefined ? problem : `${problem}; last log line: ${last}`,
  };
}

/** A server that has crashed before is not given the time of a first start again. */
function isServerStarting(server: ContainerStatus, ageMs: ProblemInput['ageMs']): boolean {
  if (server.restartCount > 0) return false;
  const startedAt = server.state?.running?.startedAt;
  // Until it runs, what the kubelet says of it counts, not that it does not answer.
  return startedAt === undefined || ageMs(startedAt) < START_MAX_MS;
}

function backendProblem(report: SidecarReport | undefined): string | undefined {
  if (report?.kind !== 'answered' || report.status.backend?.ready !== false) return undefined;
  return report.status.backend.problem === ''
    ? 'the MCP server does not answer'
    : report.status.backend.problem;
}

/** Last line of what the kubelet kept of a container that ended. */
function terminationLine(container: ContainerStatus): string | undefined {
  const ended = container.state?.terminated ?? container.lastState?.terminated;
  return lastLine(ended?.message);
}

/** The last line of `text` that says something, cut to a readable length. */
export function lastLine(text: string | undefined): string | undefined {
  const line = text
    ?.split('\n')
    .map((candidate) => candidate.trim())
    .findLast((candidate) => candidate !== '');
  return line === undefined || line.length <= LINE_LENGTH_MAX
    ? line
    : `${line.slice(0, LINE_LENGTH_MAX)}…`;
}
