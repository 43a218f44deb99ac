/** What exists in every cluster before anybody has created anything. */
import { timeText } from '../../std/index.ts';
import type { StoredObject } from '../objects/index.ts';
import type { Api } from './context.ts';
import { newUid } from './identity.ts';

/** Of the Service through which pods reach the API. */
export const API_SERVICE_ADDRESS = '10.96.0.1';

const NAMESPACES = ['default', 'kube-node-lease', 'kube-public', 'kube-system'];

/** Makes the standard namespaces and the Service of the API itself, where they are missing. */
export function bootstrap(api: Api): void {
  for (const name of NAMESPACES) {
    createMissing(api, 'namespaces', {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name, labels: { 'kubernetes.io/metadata.name': name } },
      spec: { finalizers: ['kubernetes'] },
      status: { phase: 'Active' },
    });
  }
  createMissing(api, 'services', {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name: 'kubernetes',
      namespace: 'default',
      labels: { component: 'apiserver', provider: 'kubernetes' },
    },
    spec: {
      type: 'ClusterIP',
      clusterIP: API_SERVICE_ADDRESS,
      clusterIPs: [API_SERVICE_ADDRESS],
      ipFamilies: ['IPv4'],
      ipFamilyPolicy: 'SingleStack',
      internalTrafficPolicy: 'Cluster',
      sessionAffinity: 'None',
      ports: [{ name: 'https', port: 443, protocol: 'TCP', targetPort: 6443 }],
    },
    status: { loadBalancer: {} },
  });
}

function createMissing(api: Api, resource: string, object: StoredObject): void {
  const { name = '', namespace = '' } = object.metadata;
  const stamps = { uid: newUid(api.random), creationTimestamp: timeText(api.now()) };
  const stamped = { ...object, metadata: { ...object.metadata, ...stamps } };
  api.store.create({ resource, namespace, name }, stamped);
}
