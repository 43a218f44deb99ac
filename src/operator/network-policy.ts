/** Keeps the NetworkPolicy of a cluster, or takes it away when its spec wants none. */
import type { McpCluster } from '../api/index.ts';
import { RESOURCES } from '../kube/index.ts';
import type { Applier } from './applier.ts';
import type { Caches } from './caches.ts';
import { networkPolicy } from './core/index.ts';

export interface NetworkPolicyOptions {
  readonly applier: Applier;
  readonly caches: Caches;
  /** Namespace of the operator's own pod; undefined when it runs outside of Kubernetes. */
  readonly operatorNamespace?: string | undefined;
}

/** Rejects as {@link Applier} does. */
export async function ensureNetworkPolicy(
  cluster: McpCluster,
  { applier, caches, operatorNamespace }: NetworkPolicyOptions,
): Promise<void> {
  const desired = networkPolicy(cluster, operatorNamespace);
  const { namespace, name } = desired.metadata;
  const cached = caches.owned(RESOURCES.networkPolicies, namespace, name);
  if (cluster.spec.networkPolicy.enabled)
    await applier.ensure(RESOURCES.networkPolicies, desired, cached);
  else await applier.remove(RESOURCES.networkPolicies, desired, cached);
}
