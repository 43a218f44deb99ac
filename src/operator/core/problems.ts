/** What is wrong with a pod, in one stable word and one sentence that ends with what the server last said. */
import type { McpClusterMember } from '../../api/index.ts';
import { SERVER_CONTAINER, SIDECAR_CONTAINER } from './names.ts';
import type { SidecarReport } from './report.ts';
import { isTerminating, type ContainerStatus, type Pod } from './shapes.ts';

/** A server gets this long to answer before its silence is a problem. */
export const SERVER_START_MAX_MS = 15_000;
/** Volumes may have to be made before a node fits: only what lasts longer is a problem. */
export const SCHEDULING_MAX_MS = 15_000;
const LINE_LENGTH_MAX = 400;

export interface Problem {
  readonly reason:
    | 'ServerCrashing'
    | 'ServerNotAnswering'
    | 'ServerNotStarted'
    | 'ImageUnavailable'
    | 'SidecarCrashing'
    | 'PodUnschedulable'
    | 'MemberDead';
  readonly message: string;
}

export interface ProblemInput {
  readonly name: string;
  readonly pod: Pod | undefined;
  readonly report: SidecarReport | undefined;
  readonly health: NonNullable<McpClusterMember['health']>;
  /** How long ago an instant of the API was, in ms. */
  readonly ageMs: (instant: string) => number;
  /** Last line of the server's log, when it was fetched. */
  readonly logLine: string | undefined;
}

const IMAGE_REASONS = new Set([
  'ErrImagePull',
  'ImagePullBackOff',
  'InvalidImageName',
  'ErrImageNeverPull',
  'ImageInspectError',
]);
const START_REASONS = new Set([
  'CreateContainerConfigError',
  'CreateContainerError',
  'RunContainerError',
]);

/** The gravest problem of a pod that is meant to run; undefined when there is none. */
export function podProblem(input: ProblemInput): Problem | undefined {
  const { pod } = input;
  if (pod === undefined || isTerminating(pod)) return undefined;
  const sidecar = containerOf(pod, SIDECAR_CONTAINER);
  const server = containerOf(pod, SERVER_CONTAINER);
  return (
    unschedulable(pod, input.ageMs) ??
    (sidecar === undefined ? undefined : notStarted(sidecar, 'sidecar')) ??
    (sidecar === undefined ? undefined : crashing(sidecar, 'SidecarCrashing', undefined)) ??
    (server === undefined ? undefined : serverProblem(server, input)) ??
    (input.health === 'Dead'
      ? { reason: 'MemberDead', message: `${input.name} does not answer its peers` }
      : undefined)
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
  const { lastTransitionTime: since } = condition;
  if (pod.status?.podIP !== undefined) return undefined;
  if (since === undefined || ageMs(since) < SCHEDULING_MAX_MS) return undefined;
  return {
    reason: 'PodUnschedulable',
    message: `no node fits ${pod.metadata.name}: ${condition.message ?? 'no reason given'}`,
  };
}

/** What keeps a container from running at all. */
function notStarted(container: ContainerStatus, what: string): Problem | undefined {
  const { reason = '', message } = container.state?.waiting ?? {};
  const sentence = `${what}: ${reason}${message === undefined ? '' : `: ${message}`}`;
  if (IMAGE_REASONS.has(reason)) return { reason: 'ImageUnavailable', message: sentence };
  if (START_REASONS.has(reason)) return { reason: 'ServerNotStarted', message: sentence };
  return undefined;
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
  const how = `${container.name} exited with code ${ended.exitCode}${times}`;
  return { reason, message: last === undefined ? how : `${how}; last log line: ${last}` };
}

function serverProblem(server: ContainerStatus, input: ProblemInput): Problem | undefined {
  const last = terminationLine(server) ?? input.logLine;
  const stopped = notStarted(server, 'server') ?? crashing(server, 'ServerCrashing', input.logLine);
  if (stopped !== undefined) return stopped;
  const problem = backendProblem(input.report);
  if (problem === undefined) return undefined;
  const startedAt = server.state?.running?.startedAt;
  // A server that has crashed before is not given the time of a first start again.
  const isStarting =
    server.restartCount === 0 &&
    startedAt !== undefined &&
    input.ageMs(startedAt) < SERVER_START_MAX_MS;
  if (isStarting) return undefined;
  const reason = server.restartCount > 0 ? 'ServerCrashing' : 'ServerNotAnswering';
  return {
    reason,
    message: last === undefined ? problem : `${problem}; last log line: ${last}`,
  };
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
