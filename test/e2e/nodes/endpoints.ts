/** Which pods clients are sent to. */
import { RESOURCES } from '../../../src/kube/index.ts';
import { eventually } from '../../eventually.ts';
import type { Arena } from '../arena.ts';
import { NAMESPACE } from '../manifests.ts';

interface Endpoint {
  readonly targetRef?: { readonly name?: string };
  readonly conditions: { readonly ready: boolean };
}

/** Resolves with the time since `since`, of `performance.now`, until clients of the cluster are no longer sent to the pod. */
export async function leavesService(
  { client }: Arena,
  cluster: string,
  pod: string,
  since: number,
): Promise<number> {
  const ref = { namespace: NAMESPACE, name: `${cluster}-clients-ipv4` };
  await eventually('the pod to leave the EndpointSlice', async () => {
    const slice = await client.get(RESOURCES.endpointSlices, ref);
    const endpoints = (slice?.['endpoints'] ?? []) as readonly Endpoint[];
    return endpoints.every(
      ({ targetRef, conditions }) => targetRef?.name !== pod || !conditions.ready,
    );
  });
  return performance.now() - since;
}
