/** Why the operator gives somebody no certificate: the codes of its answers, which pods count and report by. */

export const CERTIFICATE_REFUSALS = [
  'token-missing',
  'token-refused',
  'token-without-pod',
  'pod-gone',
  'pod-foreign',
  'request-malformed',
  'names-refused',
  'rate-limited',
  'signer-refused',
  'certificate-pending',
  'busy',
  'unavailable',
] as const;

export type CertificateRefusal = (typeof CERTIFICATE_REFUSALS)[number];
