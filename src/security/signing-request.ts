/** PKCS #10: who wants a certificate shows the public key, and that it holds the private one (RFC 2986). */
import { X509Certificate } from 'node:crypto';
import type * as X509 from '@peculiar/x509';
import { ALGORITHM, exportKey, generateKeys, loadX509 } from './x509-tools.ts';

/** Nobody who asks for what we sign has more to say. */
export const SIGNING_REQUEST_BYTES_MAX = 8 * 2 ** 10;

/** Names that a certificate is asked for or issued with. */
export interface CertificateNames {
  readonly dnsNames: readonly string[];
  readonly uris: readonly string[];
}

/** A request whose signature was checked. */
export interface SigningRequest {
  readonly pem: string;
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKey: ArrayBuffer;
  /** What it asks for; who signs decides. */
  readonly names: CertificateNames;
}

export type SigningRequestOutcome =
  | { readonly kind: 'accepted'; readonly request: SigningRequest }
  | { readonly kind: 'refused'; readonly reason: string };

/** A key (PKCS #8) of the kind that {@link readSigningRequest} accepts, and the request for its certificate; both PEM. */
export async function createSigningRequest(
  names: CertificateNames,
): Promise<{ readonly key: string; readonly request: string }> {
  const x509 = await loadX509();
  const keys = await generateKeys();
  const request = await x509.Pkcs10CertificateRequestGenerator.create(
    {
      keys,
      signingAlgorithm: ALGORITHM,
      extensions: [new x509.SubjectAlternativeNameExtension(generalNames(names))],
    },
    crypto,
  );
  return { key: await exportKey(x509, keys.privateKey), request: `${request.toString('pem')}\n` };
}

/**
 * Reads a request from somebody we do not trust: one PEM block of at most {@link SIGNING_REQUEST_BYTES_MAX} bytes, an ECDSA key on
 * P-256, signed by that key, and no names but DNS names and URIs.
 */
export async function readSigningRequest(pem: string): Promise<SigningRequestOutcome> {
  const refused = (reason: string): SigningRequestOutcome => ({ kind: 'refused', reason });
  if (pem.length > SIGNING_REQUEST_BYTES_MAX) {
    return refused(`it is longer than ${SIGNING_REQUEST_BYTES_MAX} bytes`);
  }
  const x509 = await loadX509();
  let request: X509.Pkcs10CertificateRequest;
  try {
    if (pem.split('-----BEGIN').length !== 2) return refused('it is not one PEM block');
    request = new x509.Pkcs10CertificateRequest(pem);
  } catch {
    return refused('it is not a PKCS #10 request in PEM');
  }
  const { algorithm } = request.publicKey;
  if (algorithm.name !== ALGORITHM.name || !isP256(algorithm)) {
    return refused('its key is not an ECDSA key on P-256');
  }
  try {
    if (!(await request.verify(crypto))) return refused('its key did not sign it');
  } catch {
    return refused('its signature cannot be checked');
  }
  const names = namesOf(x509, request);
  if (names === undefined) return refused('it asks for names that are neither DNS names nor URIs');
  return { kind: 'accepted', request: { pem, publicKey: request.publicKey.rawData, names } };
}

/** The serial number of a certificate, in hexadecimal. */
export function serialNumberOf(certificatePem: string): string {
  return new X509Certificate(certificatePem).serialNumber;
}

function isP256(algorithm: object): boolean {
  return (algorithm as { namedCurve?: string }).namedCurve === ALGORITHM.namedCurve;
}

function namesOf(
  x509: typeof X509,
  request: X509.Pkcs10CertificateRequest,
): CertificateNames | undefined {
  const extension = request.extensions.find(
    (one) => one instanceof x509.SubjectAlternativeNameExtension,
  );
  const asked = extension?.names.toJSON() ?? [];
  if (asked.some(({ type }) => type !== 'dns' && type !== 'url')) return undefined;
  const ofType = (wanted: string): string[] =>
    asked.filter(({ type }) => type === wanted).map(({ value }) => value);
  return { dnsNames: ofType('dns'), uris: ofType('url') };
}

function generalNames({ dnsNames, uris }: CertificateNames) {
  return [
    ...dnsNames.map((value) => ({ type: 'dns' as const, value })),
    ...uris.map((value) => ({ type: 'url' as const, value })),
  ];
}
