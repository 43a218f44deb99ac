/** X.509 for one cluster: an authority of its own and leaf certificates that carry the cluster's id. */
import { X509Certificate } from 'node:crypto';
import type * as X509 from '@peculiar/x509';
import { ALGORITHM, exportKey, generateKeys, importKey, loadX509 } from './x509-tools.ts';

const DAY_MS = 86_400_000;
/** Certificates are valid from a little in the past, so that a peer's slow clock does not refuse a new one. */
const CLOCK_SKEW_MS = 5 * 60_000;

/** A certificate and its private key, both PEM. */
export interface KeyPair {
  readonly certificate: string;
  readonly key: string;
}

export interface AuthorityOptions {
  readonly commonName: string;
  readonly validityDays: number;
  readonly now: Date;
}

export interface LeafOptions {
  readonly commonName: string;
  /** Kubernetes groups, when the certificate is for its API. */
  readonly organizations?: readonly string[];
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
  readonly uris: readonly string[];
  readonly validityDays: number;
  readonly now: Date;
}

/** A self-signed certificate authority (ECDSA P-256) that may sign leaves only (path length 0). */
export async function createCertificateAuthority(options: AuthorityOptions): Promise<KeyPair> {
  const x509 = await loadX509();
  const keys = await generateKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned(
    {
      name: new x509.Name([{ CN: [options.commonName] }]).toString(),
      serialNumber: serialNumber(),
      ...validity(options),
      keys,
      signingAlgorithm: ALGORITHM,
      extensions: [
        new x509.BasicConstraintsExtension(true, 0, true),
        new x509.KeyUsagesExtension(
          x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign,
          true,
        ),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey, false, crypto),
      ],
    },
    crypto,
  );
  return { certificate: pemOf(certificate), key: await exportKey(x509, keys.privateKey) };
}

/** A leaf for both ends of a TLS connection and the key that was made for it, signed by `authority`. */
export async function issueCertificate(authority: KeyPair, options: LeafOptions): Promise<KeyPair> {
  const x509 = await loadX509();
  const keys = await generateKeys();
  return {
    certificate: await signLeaf(authority, keys.publicKey, options),
    key: await exportKey(x509, keys.privateKey),
  };
}

/** A leaf, PEM, for whoever holds the key to `publicKey` (SubjectPublicKeyInfo, DER); the names are those of `options` alone. */
export async function signCertificate(
  authority: KeyPair,
  publicKey: ArrayBuffer,
  options: LeafOptions,
): Promise<string> {
  const key = await crypto.subtle.importKey('spki', publicKey, ALGORITHM, true, ['verify']);
  return signLeaf(authority, key, options);
}

async function signLeaf(
  authority: KeyPair,
  publicKey: CryptoKey,
  options: LeafOptions,
): Promise<string> {
  const x509 = await loadX509();
  const issuer = new x509.X509Certificate(authority.certificate);
  const subject = new x509.Name([
    ...(options.organizations ?? []).map((organization) => ({ O: [organization] })),
    { CN: [options.commonName] },
  ]);
  const certificate = await x509.X509CertificateGenerator.create(
    {
      subject: subject.toString(),
      issuer: issuer.subject,
      serialNumber: serialNumber(),
      ...validity(options),
      publicKey,
      signingKey: await importKey(x509, authority.key),
      signingAlgorithm: ALGORITHM,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([
          x509.ExtendedKeyUsage.serverAuth,
          x509.ExtendedKeyUsage.clientAuth,
        ]),
        new x509.SubjectAlternativeNameExtension([
          ...options.dnsNames.map((value) => ({ type: 'dns' as const, value })),
          ...options.ipAddresses.map((value) => ({ type: 'ip' as const, value })),
          ...options.uris.map((value) => ({ type: 'url' as const, value })),
        ]),
        await x509.AuthorityKeyIdentifierExtension.create(issuer, false, crypto),
      ],
    },
    crypto,
  );
  return pemOf(certificate);
}

function pemOf(certificate: X509.X509Certificate): string {
  return `${certificate.toString('pem')}\n`;
}

/** The instant a PEM certificate stops being valid. */
export function certificateExpiry(certificatePem: string): Date {
  return new Date(new X509Certificate(certificatePem).validTo);
}

function validity(options: { validityDays: number; now: Date }): {
  notBefore: Date;
  notAfter: Date;
} {
  return {
    notBefore: new Date(options.now.getTime() - CLOCK_SKEW_MS),
    notAfter: new Date(options.now.getTime() + options.validityDays * DAY_MS),
  };
}

/** 127 random bits: positive, and unique without a register of what was issued. */
function serialNumber(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return Buffer.from(bytes).toString('hex');
}
