/** The pods and claims of a StatefulSet as objects. */
import type { OwnerReference, PersistentVolumeClaim, Pod, PodTemplate } from './kinds.ts';
import type { Volume } from './volume-kinds.ts';
import { REVISION_LABEL } from './stateful-set.ts';
import type { StatefulSet } from './workload-kinds.ts';

/** A reference by which `owner` controls its dependents. */
export function controllerReference(owner: {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name?: string; readonly uid?: string };
}): OwnerReference {
  return {
    apiVersion: owner.apiVersion,
    kind: owner.kind,
    name: owner.metadata.name as string,
    uid: owner.metadata.uid as string,
    controller: true,
    blockOwnerDeletion: true,
  };
}

const claimNameOf = (template: PersistentVolumeClaim, podName: string): string =>
  `${template.metadata.name}-${podName}`;

/** The pod with this ordinal, from the template of a revision. */
export function statefulPod(
  set: StatefulSet,
  ordinal: number,
  revision: { readonly name: string; readonly template: PodTemplate },
): Pod {
  const name = `${set.metadata.name}-${ordinal}`;
  const { metadata = {}, spec } = revision.template;
  const claims: Volume[] = (set.spec.volumeClaimTemplates ?? []).map((template) => ({
    name: template.metadata.name as string,
    persistentVolumeClaim: { claimName: claimNameOf(template, name) },
  }));
  const claimed = new Set(claims.map((volume) => volume.name));
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: set.metadata.namespace as string,
      labels: {
        ...metadata.labels,
        'apps.kubernetes.io/pod-index': String(ordinal),
        'statefulset.kubernetes.io/pod-name': name,
        [REVISION_LABEL]: revision.name,
      },
      ...(metadata.annotations === undefined ? {} : { annotations: metadata.annotations }),
      ...(metadata.finalizers === undefined ? {} : { finalizers: metadata.finalizers }),
      ownerReferences: [controllerReference(set)],
    },
    spec: {
      ...spec,
      hostname: name,
      ...(set.spec.serviceName === undefined ? {} : { subdomain: set.spec.serviceName }),
      volumes: [...claims, ...(spec.volumes ?? []).filter((volume) => !claimed.has(volume.name))],
    },
  };
}

/** The claims that a pod of this name needs. */
export function statefulClaims(set: StatefulSet, podName: string): PersistentVolumeClaim[] {
  const { volumeClaimTemplates = [], persistentVolumeClaimRetentionPolicy, selector } = set.spec;
  const isOwned = persistentVolumeClaimRetentionPolicy?.whenDeleted === 'Delete';
  return volumeClaimTemplates.map((template) => ({
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: {
      name: claimNameOf(template, podName),
      namespace: set.metadata.namespace as string,
      labels: { ...template.metadata.labels, ...selector.matchLabels },
      ...(template.metadata.annotations === undefined
        ? {}
        : { annotations: template.metadata.annotations }),
      ...(isOwned ? { ownerReferences: [controllerReference(set)] } : {}),
    },
    spec: template.spec,
  }));
}
