/** The StatefulSet of a cluster: it makes pods and volumes; when a pod is replaced, the rollout decides. */
import { selectorLabels, type McpCluster } from '../../api/index.ts';
import type { ClusterSize } from './config.ts';
import { objectNames, ownedMetadata } from './names.ts';
import { DATA_VOLUME, podTemplate } from './pod-template.ts';
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
 * update does not ask whether the quorum survives it. Volumes go with the cluster if it says so, and stay when
 * pods go: a voter whose volume a hand-made scale took away would come back without what it has voted for and
 * acknowledged, and could never be let in again. A learner that comes back with its old log has a valid prefix.
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
      replicas: cluster.spec.hibernated ? 0 : size.replicas,
      serviceName: objectNames(name).peerService,
      podManagementPolicy: 'Parallel',
      updateStrategy: { type: 'OnDelete' },
      persistentVolumeClaimRetentionPolicy: {
        whenDeleted: storage.retention.whenDeleted,
        whenScaled: 'Retain',
      },
      selector: { matchLabels: selectorLabels(name) },
      template: podTemplate(cluster, { sidecarImage, voters: size.voters, keyRevision }),
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
