/** The key and certificate that a pod keeps on its volume, so that it starts again while the operator is away. */
import { X509Certificate, createPrivateKey } from 'node:crypto';
import { join } from 'node:path';
import { makeDirectory, readFileIfExists, replaceFile } from '../../host/index.ts';
import { certificateIdentity } from '../../security/index.ts';
import { certificatesIn } from '../../std/index.ts';

export interface Kept {
  /** PEM, PKCS #8. */
  readonly key: string;
  /** PEM: the leaf first. */
  readonly certificate: string;
  /** PEM: whom the members trusted when it was issued, or were seen to trust since. */
  readonly trusted: string;
  /** When to ask for the next one: milliseconds since 1970. */
  readonly renewAfter: number;
}

const FOLDER = 'identity';
const FILE = 'identity.json';

/** Readable for its owner only, and there again after a power loss. One file, so that key and certificate always fit. */
export async function keep(dataRoot: string, kept: Kept): Promise<void> {
  const folder = join(dataRoot, FOLDER);
  await makeDirectory(folder);
  await replaceFile(join(folder, FILE), JSON.stringify(kept));
}

/** What was kept; undefined when there is nothing, or nothing that can be read. */
export async function readKept(dataRoot: string): Promise<Kept | undefined> {
  const text = await readFileIfExists(join(dataRoot, FOLDER, FILE));
  try {
    const kept = JSON.parse(text ?? '') as Partial<Kept>;
    const { key, certificate, trusted, renewAfter } = kept;
    return [key, certificate, trusted, renewAfter].includes(undefined) ? undefined : (kept as Kept);
  } catch {
    return undefined;
  }
}

/**
 * Why a certificate cannot be shown now; undefined when it can: it is valid, fits the key, names `uri`, and somebody in `trusted`
 * signed it.
 */
export function flawOf(
  { key, certificate }: Pick<Kept, 'key' | 'certificate'>,
  { uri, trusted, now }: { readonly uri: string; readonly trusted: string; readonly now: number },
): string | undefined {
  try {
    const chain = certificatesIn(certificate).map((pem) => new X509Certificate(pem));
    const [leaf] = chain;
    const last = chain.at(-1);
    if (leaf === undefined || last === undefined) return 'it is not a certificate';
    if (Date.parse(leaf.validTo) <= now) return 'it has expired';
    if (Date.parse(leaf.validFrom) > now) return 'it is not valid yet';
    if (!leaf.checkPrivateKey(createPrivateKey(key))) return 'it does not fit the key';
    if (!names(leaf, uri)) return 'it names somebody else';
    const authorities = certificatesIn(trusted);
    const isTrusted = authorities.some((pem) => {
      const authority = new X509Certificate(pem);
      return Date.parse(authority.validTo) > now && last.verify(authority.publicKey);
    });
    return isTrusted ? undefined : 'who signed it is not trusted any more';
  } catch {
    return 'it cannot be read';
  }
}

function names(leaf: X509Certificate, uri: string): boolean {
  const isNamed = leaf.subjectAltName?.split(', ').includes(`URI:${uri}`) === true;
  return isNamed && certificateIdentity({ subjectaltname: leaf.subjectAltName }) !== undefined;
}

/** Whether both texts hold the same authorities, in whatever order. */
export function sameAuthorities(one: string, other: string): boolean {
  const [ours, theirs] = [one, other].map((text) => [...new Set(certificatesIn(text))].sort());
  return JSON.stringify(ours) === JSON.stringify(theirs);
}
