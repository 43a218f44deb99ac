/** Asks the API server for tokens of pods, as a kubelet does: bound to the pod by name and uid. */
import type { KubeClient } from '../../kube/index.ts';
import type { KubeletDependencies } from './ports.ts';

export function tokenRequester(client: KubeClient): KubeletDependencies['requestToken'] {
  return async (pod, { audience, expirationSeconds }) => {
    const { namespace, name, uid } = pod.metadata;
    const account = pod.spec.serviceAccountName ?? 'default';
    const body = {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: {
        expirationSeconds,
        ...(audience !== '' && { audiences: [audience] }),
        boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name, uid },
      },
    };
    const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${account}/token`;
    const reply = JSON.parse(await client.raw('POST', path, { body })) as {
      readonly status: { readonly token: string };
    };
    return reply.status.token;
  };
}
