/**
 * The pure part of the laptop cluster: the kinds it knows, label selectors, and the rules of the kubelet, the scheduler
 * and the controllers as functions of values.
 */
export {
  containerEnvironment,
  expandReferences,
  podField,
  type EnvironmentSources,
  type PodFacts,
} from './environment.ts';
export {
  commandLine,
  findLocalImage,
  parseImageName,
  type ImageName,
  type LocalImage,
} from './images.ts';
export type {
  Affinity,
  ApiObject,
  Condition,
  ConfigMap,
  ConfigMapSource,
  Container,
  ContainerState,
  ContainerStatus,
  DownwardItem,
  Endpoint,
  EndpointSlice,
  EnvFrom,
  EnvVar,
  Handler,
  HttpGet,
  IntOrString,
  KeySelector,
  KeyToPath,
  LabelSelector,
  Node,
  ObjectMeta,
  OwnerReference,
  PersistentVolumeClaim,
  Pod,
  PodAffinity,
  PodAffinityTerm,
  PodPhase,
  PodSpec,
  PodStatus,
  PodTemplate,
  Probe,
  ProjectedSource,
  Quantities,
  Secret,
  SecretSource,
  SelectorTerm,
  Service,
  ServicePort,
  Taint,
  TerminatedState,
  Toleration,
  TopologySpreadConstraint,
  Volume,
  VolumeMount,
} from './kinds.ts';
export { controllerOf, matchesLabels, matchesSelector } from './labels.ts';
export { pathRewriter, type PathRule } from './paths.ts';
export { isPodOver, isPodReady, isSidecar, podPhase, podStatus } from './pod-status.ts';
export {
  afterProbe,
  initialProbeState,
  type ProbeState,
  type ProbeThresholds,
} from './probe-state.ts';
export { nextRestart, restartsAfter, type RestartHistory } from './restart.ts';
export { chooseNode, type SchedulingInput, type SchedulingResult } from './scheduling.ts';
export { endpointSliceOf, SLICE_MANAGER } from './endpoint-slice.ts';
export { controllerReference, statefulClaims, statefulPod } from './stateful-pod.ts';
export {
  ordinalOf,
  planStatefulSet,
  statefulSetStatus,
  type StatefulSetAction,
  type StatefulSetInput,
} from './stateful-set.ts';
export type {
  ControllerRevision,
  Deployment,
  PodDisruptionBudget,
  ReplicaSet,
  RetentionPolicy,
  StatefulSet,
  StatefulSetStatus,
} from './workload-kinds.ts';
export { planRollout, type RolloutInput } from './rollout.ts';
export { budgetStatus, type BudgetInput, type BudgetStatus } from './disruption.ts';
