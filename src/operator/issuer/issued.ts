/** Whether what an issuer handed back is what it was asked for: an issuer may leave names out, add some, or sign another key. */
import { X509Certificate } from 'node:crypto';
import { certificatesIn } from '../../std/index.ts';

/** What was asked for. */
export interface Asked {
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKey: ArrayBuffer;
  readonly names: { readonly dnsNames: readonly string[]; readonly uris: readonly string[] };
}

/** Extended key usages: the same certificate serves both ends of a connection. */
const USAGES = { serverAuth: '1.3.6.1.5.5.7.3.1', clientAuth: '1.3.6.1.5.5.7.3.2' } as const;
/** Nobody has a longer chain; each step of it is checked. */
const CHAIN_MAX = 8;

/** What is wrong with the chain `certificate` (PEM, leaf first) of the authority `ca` (PEM); undefined when it can be used. */
export function issuedProblem(
  { certificate, ca }: { readonly certificate: string; readonly ca: string },
  asked: Asked,
  now: number,
): string | undefined {
  const [chain, roots] = [certificatesOf(certificate), certificatesOf(ca)];
  const leaf = chain?.[0];
  if (chain === undefined || leaf === undefined) return 'what it issued cannot be read';
  if (chain.length > CHAIN_MAX) return `its chain has more than ${CHAIN_MAX} certificates`;
  const key = leaf.publicKey.export({ type: 'spki', format: 'der' });
  if (!key.equals(Buffer.from(asked.publicKey))) return 'it certified another key';
  const wanted = textOf(asked.names);
  const given = (leaf.subjectAltName?.split(', ') ?? []).sort();
  if (given.join() !== wanted.join()) {
    return `it was asked for the names ${wanted.join(', ')} and gave ${given.join(', ') || 'none'}`;
  }
  if (leaf.ca) return 'it issued a certificate authority';
  const lacking = Object.entries(USAGES).find(([, oid]) => !leaf.keyUsage.includes(oid));
  if (lacking !== undefined) return `it left the usage ${lacking[0]} out`;
  if (Date.parse(leaf.validTo) <= now) return `what it issued ended at ${leaf.validTo}`;
  if (roots === undefined || roots.length === 0) {
    return 'it does not tell its authority (status.ca), without which nobody can check its certificates';
  }
  // Ours is a TLS library that trusts roots only, not what is in the middle of a chain.
  if (!roots.some((root) => root.ca && root.verify(root.publicKey))) {
    return 'the authority that it tells (status.ca) is no root; put the certificate of the root into ca.crt of its Secret';
  }
  const last = chain.findIndex(
    (one, i) => chain[i + 1] === undefined || !signed(one, chain[i + 1]),
  );
  const top = chain[last];
  const isTrusted = roots.some((root) => signed(top, root) || top?.raw.equals(root.raw) === true);
  return last === chain.length - 1 && isTrusted
    ? undefined
    : 'the authority that it tells (status.ca) did not sign what it issued';
}

/** When a certificate ends, in milliseconds of the wall clock. */
export function endOf(certificate: string): number {
  return Date.parse(new X509Certificate(certificate).validTo);
}

function signed(one: X509Certificate | undefined, by: X509Certificate | undefined): boolean {
  return one !== undefined && by !== undefined && one.verify(by.publicKey);
}

function certificatesOf(pem: string): readonly X509Certificate[] | undefined {
  try {
    return certificatesIn(pem).map((each) => new X509Certificate(each));
  } catch {
    return undefined;
  }
}

/** As Node prints them. */
function textOf({ dnsNames, uris }: Asked['names']): readonly string[] {
  return [...dnsNames.map((name) => `DNS:${name}`), ...uris.map((uri) => `URI:${uri}`)].sort();
}
