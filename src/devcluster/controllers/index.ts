/**
 * The controllers of the embedded control plane: StatefulSet, Deployment and ReplicaSet, Job and CronJob, endpoints,
 * garbage collection, namespaces, service accounts, disruption budgets, protection of claims in use. Their rules are in `core`; on a real
 * control plane kube-controller-manager does this work.
 */
export { startControllers, type ControllersOptions } from './controllers.ts';
