/** The certificate that the operator shows to the members of a cluster: made in memory, for this process only. */
import { X509Certificate } from 'node:crypto';
import type { McpCluster } from '../../api/index.ts';
import { certificateExpiry, type SigningRequest, type TlsMaterial } from '../../security/index.ts';
import { certificatesIn, type Clock } from '../../std/index.ts';
import type { ReconcileProblem } from '../core/index.ts';
import type { CertificateSigner } from './signer.ts';
import { requestFor, subjectWithoutPod } from './subjects.ts';

export interface OperatorLeaf {
  readonly material: TlsMaterial;
  readonly renewAfter: number;
}

/** A key whose certificate was asked for and is not there yet. */
interface Asked {
  readonly key: string;
  readonly request: SigningRequest;
}

export interface OperatorLeafKeeper {
  /**
   * The certificate for `cluster`, whose members accept `trusted`: the one at hand as long as it is good, else a new one; what
   * the cluster is told when there is none yet.
   */
  ensure(cluster: McpCluster, trusted: string): Promise<OperatorLeaf | ReconcileProblem>;
}

export function createOperatorLeaf({
  signer,
  clock,
}: {
  readonly signer: CertificateSigner;
  readonly clock: Clock;
}): OperatorLeafKeeper {
  let leaf: OperatorLeaf | undefined;
  let asked: Asked | undefined;
  return {
    async ensure(cluster, trusted) {
      if (leaf !== undefined && isGood(leaf, trusted, clock.wall())) {
        // There may be a new authority to trust; the certificate stays.
        if (leaf.material.ca !== trusted)
          leaf = { ...leaf, material: { ...leaf.material, ca: trusted } };
        return leaf;
      }
      const subject = subjectWithoutPod(cluster, 'operator');
      asked ??= await requestFor(subject);
      const outcome = await signer.sign(asked.request, subject);
      if (outcome.kind === 'signed') {
        const { certificate: cert, renewAfter } = outcome;
        // An issuer makes its authority known by what it signs.
        leaf = { material: { ca: outcome.trusted, cert, key: asked.key }, renewAfter };
        asked = undefined;
        return leaf;
      }
      if (outcome.kind === 'refused') asked = undefined;
      // What is at hand may do for a while.
      return leaf !== undefined && certificateExpiry(leaf.material.cert).getTime() > clock.wall()
        ? leaf
        : outcome.kind === 'pending'
          ? { reason: 'CertificatePending', message: outcome.message }
          : outcome;
    },
  };
}

function isGood({ material, renewAfter }: OperatorLeaf, trusted: string, now: number): boolean {
  if (now >= renewAfter) return false;
  const leaf = new X509Certificate(material.cert);
  // Behind an intermediate authority the chain's last certificate is the one that an authority signed.
  const last = new X509Certificate(certificatesIn(material.cert).at(-1) ?? material.cert);
  return (
    Date.parse(leaf.validTo) > now &&
    // Else a clock that was ahead issued it.
    Date.parse(leaf.validFrom) <= now &&
    certificatesIn(trusted).some((pem) => last.verify(new X509Certificate(pem).publicKey))
  );
}
