/** Whether the API server can be worked with at all, asked once at start: what is wrong then is wrong for every watch. */
import { MCP_CLUSTERS } from '../api/index.ts';
import { UsageError } from '../host/index.ts';
import { collectionPath, KubeError, type KubeClient } from '../kube/index.ts';

/**
 * Asks for one McpCluster in each of these namespaces, or in any when there is none; the informers list them all later.
 * Rejects with {@link UsageError} when the API server cannot be reached, does not know the kind, or does not let us; with what
 * it said otherwise.
 */
export async function requireDefinition(
  client: KubeClient,
  namespaces: readonly string[],
): Promise<void> {
  const scopes = namespaces.length === 0 ? [undefined] : namespaces;
  try {
    for (const namespace of scopes) {
      await client.raw('GET', `${collectionPath(MCP_CLUSTERS, namespace)}?limit=1`);
    }
  } catch (error) {
    if (!(error instanceof KubeError)) throw error;
    // A server that has trouble of its own is asked again by the informers.
    if (error.status >= 500) return;
    const advice = ADVICE[error.status];
    if (advice === undefined) throw error;
    throw new UsageError(`${advice} (${error.message})`);
  }
}

/** What to do, by HTTP status; 0: there was no answer. */
const ADVICE: Readonly<Record<number, string>> = {
  0: 'the API server cannot be reached: check the kubeconfig, or what NetworkPolicies let this pod reach',
  401: 'the API server does not know who we are: check the credentials in the kubeconfig',
  403: 'McpClusters may not be listed: install the roles of the chart, in each of --watch-namespaces where that is given',
  404: 'the API server does not know McpCluster: kubectl apply --server-side -f crds/ first',
};
