/** What the admission plugin ServiceAccount does to a new pod: its account must exist, and its token is mounted. */
import { MOUNTED_TOKEN_SECONDS } from '../../core/index.ts';
import type { StoredObject } from '../../objects/index.ts';
import { generateName } from '../identity.ts';
import { asObjects, asText, child, type JsonObject } from '../json.ts';
import { forbidden } from '../status.ts';
import type { StrategyContext } from '../strategy.ts';

const MOUNT_PATH = '/var/run/secrets/kubernetes.io/serviceaccount';
const VOLUME_PREFIX = 'kube-api-access-';

/** The service account of a pod when it names none. */
export const DEFAULT_ACCOUNT = 'default';

/** Changes the pod in place. Throws Forbidden when there is no such account. */
export function admitAccount(pod: StoredObject, context: StrategyContext): void {
  const spec = child(pod, 'spec');
  const namespace = pod.metadata.namespace ?? '';
  const name = asText(spec['serviceAccountName']) || DEFAULT_ACCOUNT;
  spec['serviceAccountName'] = name;
  spec['serviceAccount'] = name;
  const account = context.store.get({ resource: 'serviceaccounts', namespace, name });
  if (account === undefined) {
    throw forbidden(
      { group: '', plural: 'pods', kind: 'Pod' },
      pod.metadata.name ?? '',
      `error looking up service account ${namespace}/${name}: serviceaccount ${JSON.stringify(name)} not found`,
    );
  }
  const mounts =
    spec['automountServiceAccountToken'] ?? account['automountServiceAccountToken'] ?? true;
  if (mounts === true) mountToken(spec, context);
  const secrets = account['imagePullSecrets'];
  if (Array.isArray(secrets) && asObjects(spec['imagePullSecrets']).length === 0)
    spec['imagePullSecrets'] = secrets;
}

/** Every container that mounts nothing there gets the token, the authority and the namespace. */
function mountToken(spec: JsonObject, { random }: StrategyContext): void {
  const volumes = asObjects(spec['volumes']);
  const present = volumes.find((one) => asText(one['name']).startsWith(VOLUME_PREFIX));
  const name =
    present === undefined ? generateName(VOLUME_PREFIX, random) : asText(present['name']);
  const containers = [...asObjects(spec['initContainers']), ...asObjects(spec['containers'])];
  const without = containers.filter(
    (container) =>
      !asObjects(container['volumeMounts']).some((one) => one['mountPath'] === MOUNT_PATH),
  );
  for (const container of without) {
    container['volumeMounts'] = [
      ...asObjects(container['volumeMounts']),
      { name, readOnly: true, mountPath: MOUNT_PATH },
    ];
  }
  if (present !== undefined || without.length === 0) return;
  spec['volumes'] = [...volumes, { name, projected: tokenSource() }];
}

const tokenSource = (): JsonObject => ({
  sources: [
    { serviceAccountToken: { expirationSeconds: MOUNTED_TOKEN_SECONDS, path: 'token' } },
    { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
    {
      downwardAPI: {
        items: [
          { path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } },
        ],
      },
    },
  ],
  defaultMode: 0o644,
});
