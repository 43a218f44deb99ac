/** Where the API serves what is cert-manager's. */
import type { ResourceType } from '../../kube/index.ts';
import { CERT_MANAGER } from '../core/index.ts';

export const CERTIFICATE_REQUESTS = {
  ...CERT_MANAGER,
  plural: 'certificaterequests',
  kind: 'CertificateRequest',
  namespaced: true,
} as const satisfies ResourceType;

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
