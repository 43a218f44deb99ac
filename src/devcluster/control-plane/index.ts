/**
 * A real control plane on this machine: etcd, kube-apiserver, kube-controller-manager and kube-scheduler from the folder
 * that envtest users already have, without containers. It has no nodes; the process kubelet brings them.
 */
export { startControlPlane, type ControlPlane, type ControlPlaneOptions } from './control-plane.ts';
export type { ControlPlaneTls } from './material.ts';
