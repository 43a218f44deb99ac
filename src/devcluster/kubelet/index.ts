/**
 * Runs pods as local processes: registers the nodes, keeps containers as their pods ask for it (order, probes, restarts,
 * orderly end), volumes as folders, logs as files, and guarantees that no process outlives the cluster.
 */
export { createContainerLog, type ContainerLog, type LogQuery } from './container-log.ts';
export { noSuchPod, type LogLookup } from './find-log.ts';
export {
  createImageTable,
  readImageFile,
  type ImageTable,
  type ImageTableOptions,
} from './images.ts';
export {
  createKubelet,
  type Kubelet,
  type KubeletInformers,
  type KubeletOptions,
} from './kubelet.ts';
export { parseLogQuery, startLogEndpoint, type LogEndpoint } from './log-endpoint.ts';
export type { NodeSpec, NumberedNode } from './node.ts';
export { startReaper, type Reaper } from './reaper.ts';
export { createVolumeBinder } from './volume-binder.ts';
