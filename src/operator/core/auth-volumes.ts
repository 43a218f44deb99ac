/** What the sidecar needs of Kubernetes to know callers: Secrets with tokens, and an own token to ask the API server. */
import type { McpCluster } from '../../api/index.ts';
import { fingerprint } from './hash.ts';
import type { Pod } from './shapes.ts';

/** A folder for all of them, because the sidecar is told one. */
export const TOKENS_PATH = '/etc/mcp-cluster/auth';
/** Where in-cluster clients of the API server look for their token. */
const API_TOKEN_PATH = '/var/run/secrets/kubernetes.io/serviceaccount';
const API_TOKEN_VOLUME = 'sidecar-api';
/** The kubelet makes a new one when a fifth of this is left. */
const API_TOKEN_SECONDS = 3600;

interface KeyReference {
  readonly name: string;
  readonly key: string;
}

/** A volume and where the sidecar has it. */
export interface SidecarVolume {
  readonly volume: { readonly name: string } & Readonly<Record<string, unknown>>;
  readonly mountPath: string;
}

/** Where the tokens of a Secret are below {@link TOKENS_PATH}. */
export function tokenFilePath({ name, key }: KeyReference): string {
  return `${name}/${key}`;
}

/** Secrets with tokens that a cluster names, each with the field that names it. */
export function tokenSecrets(
  cluster: McpCluster,
): readonly (KeyReference & { readonly field: string })[] {
  return cluster.spec.gateway.auth.providers.flatMap(({ tokenFile }, index) => {
    const field = `spec.gateway.auth.providers[${index}].tokenFile.secretKeyRef`;
    return tokenFile === undefined ? [] : [{ ...tokenFile.secretKeyRef, field }];
  });
}

/** The first field that makes the sidecars ask the API server about tokens. */
export function tokenReviewField({ spec }: McpCluster): string | undefined {
  const index = spec.gateway.auth.providers.findIndex(
    ({ tokenReview }) => tokenReview !== undefined,
  );
  return index < 0 ? undefined : `spec.gateway.auth.providers[${index}].tokenReview`;
}

export function authVolumes(cluster: McpCluster): readonly SidecarVolume[] {
  const tokens = tokensVolume(cluster);
  return [
    ...(tokens === undefined ? [] : [tokens]),
    ...(tokenReviewField(cluster) === undefined ? [] : [API_TOKEN]),
  ];
}

function tokensVolume(cluster: McpCluster): SidecarVolume | undefined {
  const paths = new Map(tokenSecrets(cluster).map((ref) => [tokenFilePath(ref), ref]));
  if (paths.size === 0) return undefined;
  const sources = [...paths].map(([path, { name, key }]) => ({
    // Without the Secret nobody is known by it, and the cluster says so; but the pods run.
    secret: { name, optional: true, items: [{ key, path }] },
  }));
  // Named by what is in it, so that a pod that lacks some of it is told from a pod that has all.
  const name = `sidecar-auth-${fingerprint([...paths.keys()].sort())}`;
  return { volume: { name, projected: { defaultMode: 0o440, sources } }, mountPath: TOKENS_PATH };
}

/** What the kubelet mounts by itself into pods that do not refuse it; ours do, because the server must not have it. */
const API_TOKEN: SidecarVolume = {
  volume: {
    name: API_TOKEN_VOLUME,
    projected: {
      defaultMode: 0o440,
      sources: [
        { serviceAccountToken: { path: 'token', expirationSeconds: API_TOKEN_SECONDS } },
        {
          configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] },
        },
        {
          downwardAPI: {
            items: [
              {
                path: 'namespace',
                fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' },
              },
            ],
          },
        },
      ],
    },
  },
  mountPath: API_TOKEN_PATH,
};

/** True while some of `pods` cannot know callers as the spec asks: told to, it would refuse everybody. */
export function lackAuthVolumes(cluster: McpCluster, pods: readonly Pod[]): boolean {
  const wanted = authVolumes(cluster).map(({ volume }) => volume.name);
  return pods.some(({ spec }) =>
    wanted.some((name) => !spec?.volumes?.some((volume) => volume.name === name)),
  );
}
