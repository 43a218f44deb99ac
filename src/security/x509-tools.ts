/** What making certificates and asking for them have in common: the library, the kind of key, the forms keys travel in. */
import type { webcrypto } from 'node:crypto';
import type * as X509 from '@peculiar/x509';

/** The only kind of key there is here: small, quick, and known to every TLS library. */
export const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

/** The library is loaded when something is made: a process that only shows its certificate does without its megabytes. */
export async function loadX509(): Promise<typeof X509> {
  return (await import('./x509.ts')).x509;
}

export async function generateKeys(): Promise<webcrypto.CryptoKeyPair> {
  return crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
}

/** A private key for signing, from PKCS #8 in PEM. */
export async function importKey(x509: typeof X509, pem: string): Promise<CryptoKey> {
  const [der] = x509.PemConverter.decode(pem);
  if (der === undefined) throw new TypeError('not a PEM private key (PKCS #8)');
  return await crypto.subtle.importKey('pkcs8', der, ALGORITHM, false, ['sign']);
}

/** A private key as PKCS #8 in PEM. */
export async function exportKey(x509: typeof X509, key: CryptoKey): Promise<string> {
  const der = await crypto.subtle.exportKey('pkcs8', key);
  return `${x509.PemConverter.encode(der, 'PRIVATE KEY')}\n`;
}
