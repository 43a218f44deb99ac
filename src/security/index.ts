/** Band 2: certificates and identity. Every connection between our processes is mutual TLS under one authority a cluster. */
export {
  certificateExpiry,
  createCertificateAuthority,
  issueCertificate,
  signCertificate,
  type AuthorityOptions,
  type KeyPair,
  type LeafOptions,
} from './certificates.ts';
export {
  certificateIdentity,
  identityUri,
  isMemberOf,
  maySpeakAs,
  type PeerIdentity,
  type Role,
} from './identity.ts';
export { CERTIFICATE_REFUSALS, type CertificateRefusal } from './refusal-codes.ts';
export {
  createSigningRequest,
  readSigningRequest,
  serialNumberOf,
  SIGNING_REQUEST_BYTES_MAX,
  type CertificateNames,
  type SigningRequest,
} from './signing-request.ts';
export { openTlsDirectory, staticTls, type TlsMaterial, type TlsSource } from './tls-source.ts';
