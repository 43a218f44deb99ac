/**
 * The pure part of the laptop cluster: the kinds it knows, label selectors, and the rules of the kubelet, the scheduler
 * and the controllers as functions of values.
 */
export {
  allows,
  decideAccess,
  type AccessBinding,
  type AccessPolicy,
  type AccessVerdict,
  type Attempt,
  type PolicyRule,
} from './access.ts';
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
  Container,
  ContainerState,
  ContainerStatus,
  Endpoint,
  EndpointSlice,
  EnvFrom,
  EnvVar,
  Handler,
  HttpGet,
  IntOrString,
  KeySelector,
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
  Quantities,
  Secret,
  SelectorTerm,
  Service,
  ServicePort,
  Taint,
  TerminatedState,
  Toleration,
  TopologySpreadConstraint,
  VolumeMount,
} from './kinds.ts';
export type {
  ConfigMapSource,
  DownwardItem,
  KeyToPath,
  ProjectedSource,
  SecretSource,
  Volume,
} from './volume-kinds.ts';
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
export {
  MOUNTED_TOKEN_SECONDS,
  TOKEN_LEEWAY_S,
  TOKEN_SECONDS,
  tokenClaims,
  tokenProblem,
  tokenRefreshMs,
  tokenUser,
  type TokenClaims,
  type TokenInput,
  type TokenSurroundings,
  type TokenUser,
} from './service-account-token.ts';
export { controllerReference, statefulClaims, statefulPod } from './stateful-pod.ts';
export { podFromTemplate } from './template-pod.ts';
export { STOP_GRACE_MIN_MS, terminationOrder } from './termination.ts';
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
export type { CronJob, Job } from './batch-kinds.ts';
export { planCronJob } from './cron-job.ts';
export { planJob } from './job.ts';
export { planRollout, type RolloutInput } from './rollout.ts';
export { budgetStatus, type BudgetInput, type BudgetStatus } from './disruption.ts';
