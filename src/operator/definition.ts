/** Whether the API server can be worked with at all, as the first list shows: what is wrong then is wrong for every watch. */
import { UsageError } from '../host/index.ts';
import { KubeError, type Informer } from '../kube/index.ts';

/**
 * Starts to watch McpClusters. Rejects with {@link UsageError} when the API server cannot be reached, does not know the kind, or
 * does not let us; with what it said otherwise.
 */
export async function requireDefinition(
  clusters: Pick<Informer, 'start' | 'firstList'>,
): Promise<void> {
  clusters.start();
  const error = await clusters.firstList();
  if (error === undefined) return;
  if (!(error instanceof KubeError)) throw error;
  // A server that has trouble of its own is asked again by the informer.
  if (error.status >= 500) return;
  const advice = ADVICE[error.status];
  if (advice === undefined) throw error;
  throw new UsageError(`${advice} (${error.message})`);
}

/** What to do, by HTTP status; 0: there was no answer. */
const ADVICE: Readonly<Record<number, string>> = {
  0: 'the API server cannot be reached: check the kubeconfig, or what NetworkPolicies let this pod reach',
  401: 'the API server does not know who we are: check the credentials in the kubeconfig',
  403: 'McpClusters may not be listed: install the roles of the chart, in each of --watch-namespaces where that is given',
  404: 'the API server does not know McpCluster: kubectl apply --server-side -f crds/ first',
};
