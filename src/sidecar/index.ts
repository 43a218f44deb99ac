/**
 * Band 5: one member of a cluster as a process beside an MCP server. Everything it is made of is created in `sidecar.ts`;
 * what it is told comes from the operator's file or from flags (`plan.ts`).
 */
export { openPodIdentity } from './identity/pod-identity.ts';
export { recoverMember, type RecoveryFlags } from './recovery.ts';
export type { SidecarFlags } from './options.ts';
export { standaloneTlsDirectory } from './standalone-tls.ts';
export { runSidecar, type RunningSidecar } from './sidecar.ts';
