/** The StatefulSet of a cluster: it makes pods and volumes; when a pod is replaced, the rollout decides. */
import { selectorLabels, type McpCluster } from '../../api/index.ts';
import type { ClusterSize } from './config.ts';
import { DATA_VOLUME, objectNames, ownedMetadata } from './names.ts';
import { podTemplate } from './pod-template.ts';
import { isStopping } from './recovery.ts';
import type { DesiredObject } from './shapes.ts';

export interface StatefulSetOptions {
  readonly sidecarImage: string;
  readonly size: ClusterSize;
  /** Revision of the key that the servers share; undefined: they ask for none. */
  readonly keyRevision?: number | undefined;
  /** Size of the volumes of new pods, when it cannot be that of the spec. */
  readonly volumeSize?: string | undefined;
}

/**
 * `Parallel`, because a quorum must be able to come back all at once, and `OnDelete`, because Kubernetes' own rolling
 * update does not ask whether the quorum survives it. Volumes go with the cluster if it says so, and stay when pods go: what
 * somebody's hand-made scale takes away comes back with its data, and who leaves for good loses its volume by other means.
 */
export function statefulSet(cluster: McpCluster, options: StatefulSetOptions): DesiredObject {
  const { name } = cluster.metadata;
  const { storage } = cluster.spec;
  const { size, sidecarImage, keyRevision, volumeSize = storage.size } = options;
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: ownedMetadata(cluster, objectNames(name).statefulSet),
    spec: {
      replicas: cluster.spec.hibernated || isStopping(cluster) ? 0 : size.replicas,
      serviceName: objectNames(name).peerService,
      podManagementPolicy: 'Parallel',
      updateStrategy: { type: 'OnDelete' },
      persistentVolumeClaimRetentionPolicy: {
        whenDeleted: storage.retention.whenDeleted,
        whenScaled: 'Retain',
      },
      selector: { matchLabels: selectorLabels(name) },
      template: podTemplate(cluster, { sidecarImage, keyRevision }),
      volumeClaimTemplates: [
        {
          apiVersion: 'v1',
          kind: 'PersistentVolumeClaim',
          metadata: { name: DATA_VOLUME, labels: selectorLabels(name) },
          spec: {
            accessModes: ['ReadWriteOnce'],
            ...(storage.storageClassName === undefined
              ? {}
              : { storageClassName: storage.storageClassName }),
            resources: { requests: { storage: volumeSize } },
          },
        },
      ],
    },
  } as DesiredObject;
}
