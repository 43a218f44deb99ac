/** The objects that take a cluster's backups and give one to a new cluster: volume, CronJob, Jobs. */
import {
  BACKUP_LABEL,
  MANAGED_BY_LABEL,
  MANAGER,
  objectLabels,
  SIDECAR_PORTS,
  type McpCluster,
} from '../../api/index.ts';
import { IDENTITY_PATH, IDENTITY_VOLUME, identityVolume } from './identity.ts';
import { objectNames, ownedMetadata } from './names.ts';
import { OUR_CONTAINER, POD_SECURITY } from './pod-template.ts';
import type { CronJob, DesiredObject, JobTemplate } from './shapes.ts';

/** A backup that takes longer is ended, and has failed. */
export const BACKUP_SECONDS_MAX = 3600;
/** A member may be away, and the next attempt asks another one. */
const RETRIES_MAX = 3;
/** Jobs that are kept to be looked at, of either outcome. */
const HISTORY = 3;
const RESTORE_KEPT_SECONDS = 86_400;
const BACKUPS_PATH = '/backups';

/** The claim that the backups are written to, and who made it. */
export function backupClaimName(cluster: McpCluster): string {
  return cluster.spec.backup?.volume.claimName ?? objectNames(cluster.metadata.name).backupClaim;
}

/** The claim that the operator makes; undefined when the spec names one that exists, or wants no backups. */
export function backupClaim(cluster: McpCluster): DesiredObject | undefined {
  const volume = cluster.spec.backup?.volume;
  if (volume?.size === undefined) return undefined;
  const { ownerReferences, ...metadata } = ownedMetadata(cluster, backupClaimName(cluster));
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: volume.whenDeleted === 'Delete' ? { ...metadata, ownerReferences } : metadata,
    spec: {
      accessModes: ['ReadWriteOnce'],
      ...(volume.storageClassName === undefined
        ? {}
        : { storageClassName: volume.storageClassName }),
      resources: { requests: { storage: volume.size } },
    },
  } as DesiredObject;
}

export interface BackupOptions {
  /** Image of the operator and the sidecar, which takes backups, too. */
  readonly image: string;
  /** There is nothing to take a backup of now, or nothing that may be. */
  readonly suspended: boolean;
}

/**
 * A CronJob, because its schedule goes on while the operator is down; a pod waits for its certificate until any replica is there.
 * One at a time: two would fill the volume. Undefined when the spec wants no backups.
 */
export function backupCronJob(
  cluster: McpCluster,
  { image, suspended }: BackupOptions,
): DesiredObject | undefined {
  const { backup } = cluster.spec;
  if (backup === undefined) return undefined;
  const { schedule, timeZone, startingDeadlineSeconds, retention } = backup;
  return {
    apiVersion: 'batch/v1',
    kind: 'CronJob',
    metadata: ownedMetadata(cluster, objectNames(cluster.metadata.name).backupCronJob),
    spec: {
      schedule,
      timeZone,
      suspend: backup.suspend || suspended,
      concurrencyPolicy: 'Forbid',
      ...(startingDeadlineSeconds === undefined ? {} : { startingDeadlineSeconds }),
      successfulJobsHistoryLimit: HISTORY,
      failedJobsHistoryLimit: HISTORY,
      jobTemplate: jobTemplate(cluster, {
        image,
        command: 'backup',
        claimName: backupClaimName(cluster),
        args: [`--dir=${BACKUPS_PATH}`, `--keep=${retention.count}`],
      }),
    },
  } as DesiredObject;
}

/** The Job of a first backup: of the CronJob, as `kubectl create job --from` makes it, so that it goes with it. */
export function firstBackupJob(cluster: McpCluster, cronJob: CronJob): DesiredObject {
  const { name, uid = '' } = cronJob.metadata;
  const { metadata, spec } = cronJob.spec?.jobTemplate ?? {};
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name: objectNames(cluster.metadata.name).firstBackupJob,
      namespace: cluster.metadata.namespace,
      labels: { ...metadata?.labels },
      annotations: { ...metadata?.annotations, 'cronjob.kubernetes.io/instantiate': 'manual' },
      ownerReferences: [
        {
          apiVersion: cronJob.apiVersion,
          kind: cronJob.kind,
          name: name ?? '',
          uid,
          controller: true,
        },
      ],
    },
    spec,
  } as DesiredObject;
}

/** The Job that gives the cluster what `spec.bootstrap` asks for; undefined when that asks for nothing. */
export function restoreJob(cluster: McpCluster, image: string): DesiredObject | undefined {
  const restore = cluster.spec.bootstrap?.restore;
  if (restore === undefined) return undefined;
  const { claimName, file } = restore;
  const from = file === undefined ? `--dir=${BACKUPS_PATH}` : `--from=${BACKUPS_PATH}/${file}`;
  const template = jobTemplate(cluster, { image, command: 'restore', claimName, args: [from] });
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: ownedMetadata(cluster, objectNames(cluster.metadata.name).restoreJob),
    spec: { ...template.spec, ttlSecondsAfterFinished: RESTORE_KEPT_SECONDS },
  } as DesiredObject;
}

interface JobOptions {
  readonly image: string;
  readonly command: 'backup' | 'restore';
  readonly claimName: string;
  readonly args: readonly string[];
}

function jobTemplate(
  cluster: McpCluster,
  { image, command, claimName, args }: JobOptions,
): JobTemplate {
  const { name, namespace } = cluster.metadata;
  const names = objectNames(name);
  const { nodeSelector, tolerations, imagePullSecrets } = cluster.spec.podTemplate;
  const readOnly = command === 'restore';
  const peers = `${names.peerService}.${namespace}.svc:${SIDECAR_PORTS.peer}`;
  return {
    metadata: { labels: objectLabels(name) },
    spec: {
      backoffLimit: RETRIES_MAX,
      activeDeadlineSeconds: BACKUP_SECONDS_MAX,
      template: {
        // Not the labels of members: no budget counts these pods, and no policy takes them for one.
        metadata: {
          labels: {
            'app.kubernetes.io/name': `mcp-cluster-${command}`,
            [MANAGED_BY_LABEL]: MANAGER,
            [BACKUP_LABEL]: name,
          },
        },
        spec: {
          restartPolicy: 'Never',
          serviceAccountName: names.serviceAccount,
          automountServiceAccountToken: false,
          enableServiceLinks: false,
          securityContext: POD_SECURITY,
          ...(nodeSelector === undefined ? {} : { nodeSelector }),
          ...(tolerations === undefined ? {} : { tolerations }),
          ...(imagePullSecrets === undefined ? {} : { imagePullSecrets }),
          containers: [
            {
              name: command,
              image,
              args: [command, `--at=${peers}`, `--identity-dir=${IDENTITY_PATH}`, ...args],
              env: [{ name: 'POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }],
              resources: { requests: { cpu: '50m', memory: '64Mi' } },
              securityContext: OUR_CONTAINER,
              terminationMessagePolicy: 'FallbackToLogsOnError',
              volumeMounts: [
                { name: IDENTITY_VOLUME, mountPath: IDENTITY_PATH, readOnly: true },
                { name: 'backups', mountPath: BACKUPS_PATH, ...(readOnly ? { readOnly } : {}) },
                { name: 'tmp', mountPath: '/tmp' },
              ],
            },
          ],
          volumes: [
            identityVolume(cluster),
            { name: 'backups', persistentVolumeClaim: { claimName } },
            { name: 'tmp', emptyDir: {} },
          ],
        },
      },
    },
  };
}
