/** The file with which kubectl and clients find the server. */
import { dump } from 'js-yaml';
import { replaceFile } from '../../host/index.ts';
import { encodeBase64 } from '../../std/index.ts';

export interface KubeconfigOptions {
  /** `https://127.0.0.1:6443`. */
  readonly server: string;
  /** Name of cluster, user and context. */
  readonly name: string;
  /** The authority of the server's certificate, PEM. */
  readonly ca: string;
  readonly user: { readonly cert: string; readonly key: string } | { readonly token: string };
  readonly namespace?: string;
}

/** The text of a kubeconfig; certificates and keys are inside, so it works from anywhere. */
function kubeconfigText(options: KubeconfigOptions): string {
  const { name, user } = options;
  return dump({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name,
        cluster: { server: options.server, 'certificate-authority-data': encodeBase64(options.ca) },
      },
    ],
    users: [
      {
        name,
        user:
          'token' in user
            ? { token: user.token }
            : {
                'client-certificate-data': encodeBase64(user.cert),
                'client-key-data': encodeBase64(user.key),
              },
      },
    ],
    contexts: [
      { name, context: { cluster: name, user: name, namespace: options.namespace ?? 'default' } },
    ],
    'current-context': name,
  });
}

/** Writes a kubeconfig that only its owner may read. */
export async function writeKubeconfig(path: string, options: KubeconfigOptions): Promise<void> {
  await replaceFile(path, kubeconfigText(options), 0o600);
}
