/** Where the API serves what is cert-manager's. */
import type { ResourceType } from '../../kube/index.ts';

const CERT_MANAGER = { group: 'cert-manager.io', version: 'v1' } as const;

/** By the kind that `spec.tls.issuerRef` names. */
export const ISSUERS = {
  Issuer: { ...CERT_MANAGER, plural: 'issuers', kind: 'Issuer', namespaced: true },
  ClusterIssuer: {
    ...CERT_MANAGER,
    plural: 'clusterissuers',
    kind: 'ClusterIssuer',
    namespaced: false,
  },
} as const satisfies Record<string, ResourceType>;
