/** What every controller is given. */
import type { Informer, KubeClient, KubeResource } from '../../kube/index.ts';
import type { Clock, Random } from '../../std/index.ts';
import type { Logger, Metrics } from '../../telemetry/index.ts';
import type {
  ConfigMap,
  ControllerRevision,
  CronJob,
  Deployment,
  EndpointSlice,
  Job,
  Node,
  PersistentVolumeClaim,
  Pod,
  PodDisruptionBudget,
  ReplicaSet,
  Service,
  StatefulSet,
} from '../core/index.ts';

export interface ControllerInformers {
  readonly configMaps: Informer<ConfigMap>;
  readonly pods: Informer<Pod>;
  readonly nodes: Informer<Node>;
  readonly services: Informer<Service>;
  readonly slices: Informer<EndpointSlice>;
  readonly claims: Informer<PersistentVolumeClaim>;
  readonly statefulSets: Informer<StatefulSet>;
  readonly revisions: Informer<ControllerRevision>;
  readonly deployments: Informer<Deployment>;
  readonly replicaSets: Informer<ReplicaSet>;
  readonly jobs: Informer<Job>;
  readonly cronJobs: Informer<CronJob>;
  readonly budgets: Informer<PodDisruptionBudget>;
  readonly namespaces: Informer<Namespace>;
  readonly serviceAccounts: Informer<KubeResource>;
}

export interface Namespace extends KubeResource {
  readonly spec?: { readonly finalizers?: readonly string[] };
  readonly status?: { readonly phase?: string };
}

export interface ControllerContext {
  readonly client: KubeClient;
  readonly informers: ControllerInformers;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Reports what people see with `kubectl describe`. */
  event(regarding: KubeResource, type: 'Normal' | 'Warning', reason: string, note: string): void;
}

export interface RunningController {
  start(): void;
  stop(): Promise<void>;
}

/** Keys are `namespace/name`; back-off suits a laptop, where nobody minds a busy moment. */
export const BACKOFF = { initialMs: 20, maxMs: 5000 } as const;
export const SETTLED = { kind: 'settled' } as const;
