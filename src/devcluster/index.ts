/**
 * Band 5: a Kubernetes cluster on a laptop, in one process: an API server over an object store (or a real control plane),
 * controllers, a scheduler, and nodes that run containers as local processes on loopback addresses. For development, demo
 * and tests; the same nodes serve the embedded and the real control plane, so that what differs is a bug of the former.
 */
export { startDevCluster, type DevCluster, type DevClusterOptions } from './dev-cluster.ts';
export { twinOf } from './network/index.ts';
