/** Band 2: certificates and identity. Every connection between our processes is mutual TLS under one authority a cluster. */
export {
  certificateExpiry,
  createCertificateAuthority,
  issueCertificate,
  type AuthorityOptions,
  type KeyPair,
  type LeafOptions,
} from './certificates.ts';
export { certificateClusterId, clusterUri } from './identity.ts';
export { openTlsDirectory, staticTls, type TlsMaterial, type TlsSource } from './tls-source.ts';
