/** What a CertificateRequest asks for, read back from the signing request in it. */
import { readSigningRequest } from '../../security/index.ts';
import { decodeBase64 } from '../../std/index.ts';
import type { CertificateRequest } from '../core/index.ts';
import type { Asked } from './issued.ts';

/** Somebody else may have made it: what cannot be read asks for nothing, so that nothing fits it. */
export async function askedOf({ spec }: CertificateRequest): Promise<Asked> {
  const outcome = await readSigningRequest(decodeBase64(spec.request));
  return outcome.kind === 'accepted'
    ? outcome.request
    : { publicKey: new ArrayBuffer(0), names: { dnsNames: [], uris: [] } };
}
