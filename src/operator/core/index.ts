/**
 * The decisions of the operator, all pure: which objects a cluster needs, what its pods and sidecars add up to, which pod
 * is replaced next, what the status says. Nothing here writes, waits or looks at a clock.
 */
export { judge, type AdmissionFacts, type Verdict } from './admission.ts';
export { lackAuthVolumes, tokenReviewField, tokenSecrets } from './auth-volumes.ts';
export { nextBundle } from './ca-bundle.ts';
export {
  BACKUP_SECONDS_MAX,
  backupClaim,
  backupClaimName,
  backupCronJob,
  firstBackupJob,
  restoreJob,
} from './backup.ts';
export {
  backupHealthy,
  backupStatus,
  isRestoring,
  restored,
  restoreStatus,
  type BackupReport,
  type BackupSchedule,
  type BackupStatus,
  type JobRun,
} from './backup-health.ts';
export {
  CERT_MANAGER,
  CERTIFICATE_OF_LABEL,
  certificateRequest,
  requestState,
  type CertificateRequest,
  type IssuerRef,
  type RequestSubject,
} from './certificate-request.ts';
export { CLUSTER_GAUGES, clusterSamples } from './cluster-series.ts';
export { type ReconcileProblem } from './conditions.ts';
export { configMap, runningConfig, sidecarConfig, type ClusterSize } from './config.ts';
export { isCurrent, ownershipOf, reasonToWrite, stamped } from './drift.ts';
export { durationMs } from './durations.ts';
export { endpointSlice } from './endpoint-slice.ts';
export { rigidProblem, type RigidClaim } from './expansion.ts';
export { NOT_INSTALLED, type IssuerFacts } from './issuer-problems.ts';
export {
  objectNames,
  ownedMetadata,
  ownerOf,
  peersHost,
  podHost,
  podName,
  SERVER_CONTAINER,
  volumeClaimName,
} from './names.ts';
export {
  foreignSentence,
  neededObjects,
  rivals,
  type ForeignFact,
  type NeededKind,
} from './needed-objects.ts';
export { fencedPods } from './lost-pods.ts';
export { networkPolicy } from './network-policy.ts';
export {
  CONTROL_CHAINS,
  controllerOf,
  IDENTITY_AUDIENCE,
  isOwner,
  podRole,
  trustMap,
  type PodOfCluster,
} from './identity.ts';
export { lastLine, wantsLogLine } from './problems.ts';
export type { SidecarReport, SidecarStatus } from './report.ts';
export {
  KEY_BYTES,
  nextRequestStateKey,
  readRequestStateKey,
  requestStateSecret,
  type RequestStateKey,
} from './request-state-key.ts';
export {
  blockedFirst,
  isPatient,
  rolloutHint,
  rolloutPolicy,
  type MaintenanceWindow,
  type RolloutFacts,
} from './rollout-policy.ts';
export type { MemberChange, MembershipStep, Participants } from './membership.ts';
export { decidePromotion, type PromotionStep } from './promotion.ts';
export { isRecovering, nextRecovery, recoveryRefusal } from './recovery.ts';
export { decideRollout, type RolloutPolicy, type RolloutStep } from './rollout.ts';
export { clientService, peerService } from './services.ts';
export type {
  AnyObject,
  Claim,
  CronJob,
  DesiredObject,
  Job,
  Owner,
  Pod,
  StatefulSet,
} from './shapes.ts';
export { isTerminating, ownedBy } from './shapes.ts';
export { currentSize } from './size.ts';
export { authoritySecret, disruptionBudget, serviceAccount, type Secret } from './small-objects.ts';
export { referenceProblems, specProblem, type SpecFacts } from './spec-problems.ts';
export { statefulSet } from './stateful-set.ts';
export { compareStatus, statusOf } from './status.ts';
export { admitAuthority, AUTHORITIES_MAX, trustedOf, type TrustLedger } from './trust-ledger.ts';
export { transitions } from './transitions.ts';
export { planVolumes, volumeSizeOf } from './volumes.ts';
export { canAnswer, observeCluster, type ClusterView, type MemberView } from './view.ts';
