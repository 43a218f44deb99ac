/** Why somebody gets no certificate: a status, a code for programs, a sentence that says what to do. */
import type { CertificateRefusal } from '../../security/index.ts';

export const REFUSALS = {
  'token-missing': {
    status: 401,
    message: 'send the projected service account token of the pod as `authorization: Bearer`',
  },
  'token-refused': {
    status: 401,
    message:
      'the API server does not accept the token for the audience mcpcluster.io/identity; read it again from the projected volume',
  },
  'token-without-pod': {
    status: 403,
    message: 'the token is not bound to a pod; use the one of the projected volume',
  },
  'pod-gone': {
    status: 403,
    message: 'the pod that the token was made for is gone; nothing is to be done',
  },
  'pod-foreign': {
    status: 403,
    message:
      'the pod is controlled by no StatefulSet, Job or CronJob of a McpCluster, or does not run as its service account',
  },
  'request-malformed': {
    status: 400,
    message: 'send one PKCS #10 request in PEM for an ECDSA key on P-256, signed by that key',
  },
  'names-refused': {
    status: 403,
    message: 'a certificate names its pod and nothing else; ask for exactly these names',
  },
  'rate-limited': {
    status: 429,
    message: 'this pod has asked too often; keep the certificate that it was given',
  },
  'signer-refused': {
    status: 403,
    message: 'the issuer of the cluster refused; see the conditions of the McpCluster',
  },
  'certificate-pending': {
    status: 503,
    message: 'the certificate is not there yet; repeat the same request',
  },
  busy: {
    status: 503,
    message: 'too many ask at once; repeat the same request',
  },
  unavailable: {
    status: 503,
    message: 'the API server does not answer the operator; repeat the same request',
  },
} as const satisfies Record<
  CertificateRefusal,
  { readonly status: number; readonly message: string }
>;

/** A certificate that is not given. `detail` never holds a token or a key. */
export class Refused extends Error {
  override readonly name = 'Refused';
  readonly code: CertificateRefusal;

  constructor(code: CertificateRefusal, detail?: string) {
    super(detail === undefined ? REFUSALS[code].message : `${REFUSALS[code].message} (${detail})`);
    this.code = code;
  }

  get status(): number {
    return REFUSALS[this.code].status;
  }
}
