/**
 * What is particular to each kind: immutable fields, initial status, selectable fields, grace periods, allocation. One
 * file a family of kinds; the table here says which resource follows which. Defaults come with the schemas.
 */
import { createStrategy, type Strategy } from '../strategy.ts';
import { cronJobStrategy, jobStrategy } from './batch.ts';
import { coreEventStrategy, eventStrategy } from './event.ts';
import { namespaceStrategy } from './namespace.ts';
import {
  accessStrategy,
  configMapStrategy,
  definitionStrategy,
  leaseStrategy,
  networkPolicyStrategy,
  nodeStrategy,
  secretStrategy,
  serviceAccountStrategy,
} from './plain.ts';
import { podStrategy } from './pod.ts';
import { endpointSliceStrategy, endpointsStrategy, serviceStrategy } from './service.ts';
import { claimStrategy, storageClassStrategy, volumeStrategy } from './storage.ts';
import {
  controllerRevisionStrategy,
  deploymentStrategy,
  disruptionBudgetStrategy,
  replicaSetStrategy,
  statefulSetStrategy,
} from './workload.ts';

export { customStrategy } from './custom.ts';

const STRATEGIES: Readonly<Record<string, Strategy>> = {
  configmaps: configMapStrategy,
  endpoints: endpointsStrategy,
  events: coreEventStrategy,
  namespaces: namespaceStrategy,
  nodes: nodeStrategy,
  persistentvolumeclaims: claimStrategy,
  persistentvolumes: volumeStrategy,
  pods: podStrategy,
  secrets: secretStrategy,
  serviceaccounts: serviceAccountStrategy,
  services: serviceStrategy,
  'controllerrevisions.apps': controllerRevisionStrategy,
  'deployments.apps': deploymentStrategy,
  'replicasets.apps': replicaSetStrategy,
  'statefulsets.apps': statefulSetStrategy,
  'cronjobs.batch': cronJobStrategy,
  'jobs.batch': jobStrategy,
  'customresourcedefinitions.apiextensions.k8s.io': definitionStrategy,
  'endpointslices.discovery.k8s.io': endpointSliceStrategy,
  'events.events.k8s.io': eventStrategy,
  'leases.coordination.k8s.io': leaseStrategy,
  'networkpolicies.networking.k8s.io': networkPolicyStrategy,
  'poddisruptionbudgets.policy': disruptionBudgetStrategy,
  'clusterrolebindings.rbac.authorization.k8s.io': accessStrategy,
  'clusterroles.rbac.authorization.k8s.io': accessStrategy,
  'rolebindings.rbac.authorization.k8s.io': accessStrategy,
  'roles.rbac.authorization.k8s.io': accessStrategy,
  'storageclasses.storage.k8s.io': storageClassStrategy,
};

const PLAIN = createStrategy({});

/** The strategy of a built-in resource. */
export function strategyOf(group: string, plural: string): Strategy {
  return STRATEGIES[group === '' ? plural : `${plural}.${group}`] ?? PLAIN;
}
