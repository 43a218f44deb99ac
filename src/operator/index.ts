/**
 * Band 5: the operator. `core/` decides (pure), the controllers here read, write and wait: one reconcile per McpCluster
 * over informers, server-side apply, and a monitor that keeps asking the sidecars of each cluster how it is.
 */
export { administratorMaterial } from './identity/administrator.ts';
export { DEFAULT_IMAGE, runOperator, type RunningOperator } from './operator.ts';
export type { SidecarClient } from './ports.ts';
export type { SidecarStatus } from './core/index.ts';
