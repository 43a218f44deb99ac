/** Binds pods that have no node yet, one after the other, so that each decision knows the one before. */
import {
  createController,
  createEventRecorder,
  isConflict,
  isNotFound,
  objectKey,
  RESOURCES,
  type Informer,
  type KubeClient,
  type Outcome,
} from '../../kube/index.ts';
import { timeText, type Clock, type Random } from '../../std/index.ts';
import type { Logger, Metrics } from '../../telemetry/index.ts';
import { chooseNode, type Node, type PersistentVolumeClaim, type Pod } from '../core/index.ts';

export interface SchedulerOptions {
  readonly client: KubeClient;
  readonly pods: Informer<Pod>;
  readonly nodes: Informer<Node>;
  readonly claims: Informer<PersistentVolumeClaim>;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

export interface Scheduler {
  start(): void;
  stop(): Promise<void>;
}

const NAME = 'default-scheduler';
/** A pod that fits nowhere is looked at again when something changes, and at the latest after this. */
const RETRY_MS = 30_000;

export function createScheduler(options: SchedulerOptions): Scheduler {
  const { pods, nodes, claims } = options;
  // The local copy of a pod lags behind its binding: until it shows there, the decision is remembered.
  const assumed = new Map<string, string>();
  const recorder = createEventRecorder({ ...options, controller: NAME, instance: NAME });
  const tell = (regarding: Pod, type: 'Normal' | 'Warning', reason: string, note: string): void =>
    recorder.record({ regarding, type, reason, action: 'Scheduling', note });
  const controller = createController({
    ...options,
    name: 'scheduler',
    reconcile: (key) => schedule(key),
  });
  const schedule = async (key: string): Promise<Outcome> => {
    const pod = pods.get(key);
    if (pod === undefined || !isWaiting(pod) || assumed.has(pod.metadata.uid as string))
      return { kind: 'settled' };
    const missing = unboundClaim(pod, claims);
    const all = pods.list().map((one) => withNode(one, assumed));
    const result =
      missing === undefined
        ? chooseNode({ pod, nodes: nodes.list(), pods: all })
        : { message: missing };
    if (result.node === undefined) {
      tell(pod, 'Warning', 'FailedScheduling', result.message);
      await reportUnschedulable(options, pod, result.message);
      return { kind: 'requeueAfter', afterMs: RETRY_MS };
    }
    assumed.set(pod.metadata.uid as string, result.node);
    try {
      await bind(options.client, pod, result.node);
    } catch (error) {
      assumed.delete(pod.metadata.uid as string);
      if (isNotFound(error) || isConflict(error)) return { kind: 'settled' };
      throw error;
    }
    tell(pod, 'Normal', 'Scheduled', `Successfully assigned ${key} to ${result.node}`);
    return { kind: 'settled' };
  };
  const again = (): void => {
    for (const pod of pods.list()) if (isWaiting(pod)) controller.enqueue(objectKey(pod));
  };
  const cancels: (() => void)[] = [];
  return {
    start() {
      cancels.push(
        pods.onChange(({ type, object }) => {
          if (type === 'deleted' || object.spec.nodeName !== undefined)
            assumed.delete(object.metadata.uid as string);
          if (type !== 'deleted' && isWaiting(object)) controller.enqueue(objectKey(object));
          // Room may have become free.
          if (type === 'deleted') again();
        }),
        nodes.onChange(again),
        claims.onChange(again),
      );
      controller.start();
    },
    async stop() {
      for (const cancel of cancels.splice(0)) cancel();
      await controller.stop();
    },
  };
}

function isWaiting({ spec, metadata }: Pod): boolean {
  return (
    spec.nodeName === undefined &&
    metadata.deletionTimestamp === undefined &&
    (spec.schedulerName ?? NAME) === NAME &&
    (spec.schedulingGates ?? []).length === 0
  );
}

function withNode(pod: Pod, assumed: ReadonlyMap<string, string>): Pod {
  const nodeName = pod.spec.nodeName ?? assumed.get(pod.metadata.uid as string);
  return nodeName === pod.spec.nodeName || nodeName === undefined
    ? pod
    : { ...pod, spec: { ...pod.spec, nodeName } };
}

/** Volumes come first: a pod with an unbound claim stays where it is. */
function unboundClaim(pod: Pod, claims: Informer<PersistentVolumeClaim>): string | undefined {
  for (const { persistentVolumeClaim } of pod.spec.volumes ?? []) {
    if (persistentVolumeClaim === undefined) continue;
    const { claimName } = persistentVolumeClaim;
    const claim = claims.get(`${pod.metadata.namespace}/${claimName}`);
    if (claim === undefined) return `persistentvolumeclaim "${claimName}" not found`;
    if (claim.status?.phase !== 'Bound') return 'pod has unbound immediate PersistentVolumeClaims';
  }
  return undefined;
}

async function bind(client: KubeClient, pod: Pod, node: string): Promise<void> {
  const { namespace, name, uid } = pod.metadata;
  const body = {
    apiVersion: 'v1',
    kind: 'Binding',
    metadata: { name, namespace, uid },
    target: { apiVersion: 'v1', kind: 'Node', name: node },
  };
  await client.raw('POST', `/api/v1/namespaces/${namespace}/pods/${name}/binding`, { body });
}

async function reportUnschedulable(
  { client, clock }: Pick<SchedulerOptions, 'client' | 'clock'>,
  pod: Pod,
  message: string,
): Promise<void> {
  const known = pod.status?.conditions?.find(({ type }) => type === 'PodScheduled');
  if (known?.status === 'False' && known.message === message) return;
  const now = timeText(clock.wall());
  const since = known?.status === 'False' ? known.lastTransitionTime : undefined;
  const condition = {
    type: 'PodScheduled',
    status: 'False',
    reason: 'Unschedulable',
    message,
    lastTransitionTime: since ?? now,
  };
  try {
    const { namespace, name } = pod.metadata as { namespace: string; name: string };
    const body = { status: { conditions: [condition] } };
    const options = { type: 'strategic', subresource: 'status', body } as const;
    await client.patch(RESOURCES.pods, { namespace, name }, options);
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}
