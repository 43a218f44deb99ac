/** A pod's phase and conditions from the states of its containers, by the rules of the kubelet. */
import type { Condition, Container, ContainerStatus, Pod, PodPhase, PodStatus } from './kinds.ts';

/** A native sidecar: an init container that keeps running. */
export const isSidecar = (container: Container): boolean => container.restartPolicy === 'Always';

interface StatusInput {
  readonly pod: Pod;
  readonly now: string;
  readonly podIP?: string;
  readonly hostIP: string;
  readonly startTime: string;
  readonly init: readonly ContainerStatus[];
  readonly main: readonly ContainerStatus[];
}

/** An init container has done its part: it ended well, or as a sidecar it has started. */
function isInitialized(container: Container, status: ContainerStatus | undefined): boolean {
  if (isSidecar(container)) return status?.started === true;
  return status?.state.terminated?.exitCode === 0;
}

export function podPhase(
  pod: Pod,
  init: readonly ContainerStatus[],
  main: readonly ContainerStatus[],
): PodPhase {
  const policy = pod.spec.restartPolicy ?? 'Always';
  const containers = pod.spec.initContainers ?? [];
  const byName = new Map(init.map((status) => [status.name, status]));
  const failedInit = containers.some((container) => {
    const exit = byName.get(container.name)?.state.terminated?.exitCode;
    return !isSidecar(container) && exit !== undefined && exit !== 0;
  });
  if (failedInit && policy === 'Never') return 'Failed';
  const everStarted = main.some(
    ({ state, lastState }) => state.waiting === undefined || lastState.terminated !== undefined,
  );
  if (!everStarted && !containers.every((c) => isInitialized(c, byName.get(c.name))))
    return 'Pending';
  const neverStarted = main.filter(
    ({ state, lastState }) => state.waiting !== undefined && lastState.terminated === undefined,
  );
  if (neverStarted.length > 0) return 'Pending';
  if (main.some(({ state }) => state.terminated === undefined)) return 'Running';
  const allGood = main.every(({ state }) => state.terminated?.exitCode === 0);
  if (policy === 'Always') return 'Running';
  if (allGood) return 'Succeeded';
  return policy === 'Never' ? 'Failed' : 'Running';
}

const named = (statuses: readonly { readonly name: string }[]): string =>
  `[${statuses.map(({ name }) => name).join(' ')}]`;

/** The whole status of a pod; transition times are kept while a condition's status stays the same. */
export function podStatus(input: StatusInput): PodStatus {
  const { pod, init, main, now } = input;
  const phase = podPhase(pod, init, main);
  const wanted = conditions(input, phase);
  const previous = new Map((pod.status?.conditions ?? []).map((one) => [one.type, one]));
  const stamped = wanted.map((condition) => {
    const old = previous.get(condition.type);
    const since = old?.status === condition.status ? (old.lastTransitionTime ?? now) : now;
    return { ...condition, lastTransitionTime: since };
  });
  return {
    phase,
    conditions: stamped,
    hostIP: input.hostIP,
    hostIPs: [{ ip: input.hostIP }],
    ...(input.podIP === undefined ? {} : { podIP: input.podIP, podIPs: [{ ip: input.podIP }] }),
    startTime: input.startTime,
    ...(init.length > 0 ? { initContainerStatuses: init } : {}),
    containerStatuses: main,
    qosClass: pod.status?.qosClass ?? 'BestEffort',
  };
}

function conditions(input: StatusInput, phase: PodPhase): Condition[] {
  const { pod, init, main } = input;
  const containers = pod.spec.initContainers ?? [];
  const byName = new Map(init.map((status) => [status.name, status]));
  const uninitialized = containers.filter((c) => !isInitialized(c, byName.get(c.name)));
  const mainStarted = main.some(
    ({ state, lastState }) => state.waiting === undefined || lastState.terminated !== undefined,
  );
  const sidecars = containers.filter(isSidecar).map(({ name }) => byName.get(name) ?? unseen(name));
  const unready = [...sidecars, ...main].filter(({ ready }) => !ready);
  const isOver = phase === 'Succeeded' || phase === 'Failed';
  const containersReady: Condition =
    isOver && unready.length > 0
      ? { type: 'ContainersReady', status: 'False', reason: 'PodCompleted' }
      : unready.length === 0
        ? { type: 'ContainersReady', status: 'True' }
        : {
            type: 'ContainersReady',
            status: 'False',
            reason: 'ContainersNotReady',
            message: `containers with unready status: ${named(unready)}`,
          };
  return [
    { type: 'PodReadyToStartContainers', status: input.podIP === undefined ? 'False' : 'True' },
    uninitialized.length === 0 || mainStarted
      ? { type: 'Initialized', status: 'True' }
      : {
          type: 'Initialized',
          status: 'False',
          reason: 'ContainersNotInitialized',
          message: `containers with incomplete status: ${named(uninitialized)}`,
        },
    readyCondition(pod, containersReady),
    containersReady,
    { type: 'PodScheduled', status: 'True' },
  ];
}

function readyCondition(pod: Pod, containersReady: Condition): Condition {
  if (containersReady.status !== 'True') return { ...containersReady, type: 'Ready' };
  const unmet = (pod.spec.readinessGates ?? []).filter(
    ({ conditionType }) =>
      pod.status?.conditions?.find(({ type }) => type === conditionType)?.status !== 'True',
  );
  if (unmet.length === 0) return { type: 'Ready', status: 'True' };
  return {
    type: 'Ready',
    status: 'False',
    reason: 'ReadinessGatesNotReady',
    message: unmet
      .map(
        ({ conditionType }) =>
          `corresponding condition of pod readiness gate "${conditionType}" is not True.`,
      )
      .join(' '),
  };
}

const unseen = (name: string): ContainerStatus => ({
  name,
  image: '',
  imageID: '',
  ready: false,
  restartCount: 0,
  started: false,
  state: {},
  lastState: {},
});

/** True when the pod's Ready condition holds. */
export function isPodReady(pod: Pod): boolean {
  return pod.status?.conditions?.find(({ type }) => type === 'Ready')?.status === 'True';
}

/** The pod has ended for good. */
export function isPodOver(pod: Pod): boolean {
  return pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
}
