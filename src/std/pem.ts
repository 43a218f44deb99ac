/** Bundles of certificates as text (RFC 7468): what is in them, and the union of several. */

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** Each certificate of a bundle, in order; what is no certificate in PEM is left out. */
export function certificatesIn(bundle: string): readonly string[] {
  return bundle.match(CERTIFICATE) ?? [];
}

/** Those certificates as a bundle. */
export function bundleOf(certificates: readonly string[]): string {
  return certificates.map((pem) => `${pem}\n`).join('');
}

/** The certificates of all bundles, each once, those of the first before the others. */
export function unitedBundle(...bundles: readonly string[]): string {
  return bundleOf([...new Set(bundles.flatMap(certificatesIn))]);
}
