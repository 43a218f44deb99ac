/**
 * Who signs for a cluster, as its spec says: its own authority, or an issuer of cert-manager. The one follows the other as one
 * authority follows another: nothing is signed by whom the pods do not know yet, and nobody is forgotten who signed what is valid.
 */
import type { McpCluster } from '../../api/index.ts';
import type { KubeClient } from '../../kube/index.ts';
import type { SigningRequest } from '../../security/index.ts';
import { unitedBundle, unreachable, type Clock } from '../../std/index.ts';
import { durationMs, trustedOf, type IssuerRef } from '../core/index.ts';
import { readAuthority } from '../identity/authority.ts';
import { clusterAuthority } from '../identity/cluster-authority.ts';
import type { CertificateSigner, SigningOutcome } from '../identity/signer.ts';
import type { CertificateSubject } from '../identity/subjects.ts';
import { askIssuer, WAIT_MAX_MS } from './cert-manager-signer.ts';
import { endOf } from './issued.ts';
import { makeKnown } from './known.ts';
import { readTrust } from './trust-store.ts';

export interface ClusterSignerOptions {
  /** Signs for clusters that name no issuer. */
  readonly own: CertificateSigner;
  /** Must work without the Lease: any operator asks an issuer. */
  readonly client: KubeClient;
  readonly clock: Clock;
}

/** An issuer may give less time than was asked for: renewed when a third of it is left, at the latest. */
const LEFT = 1 / 3;
/** People at a terminal need it for a command; no issuer gives less. */
const ADMINISTRATOR_MS = 3_600_000;

export function createClusterSigner(options: ClusterSignerOptions): CertificateSigner {
  const { own, client } = options;
  return {
    async trusted(cluster) {
      const { ledger, version } = await readTrust(cluster, client);
      const { issuerRef } = cluster.spec.tls;
      if (version === undefined) {
        return issuerRef === undefined ? own.trusted(cluster) : ownTrusted(cluster, options);
      }
      const kept = trustedOf(ledger);
      return issuerRef === undefined ? unitedBundle(await own.trusted(cluster), kept) : kept;
    },
    async sign(request, subject, signal) {
      const { cluster } = subject;
      const { issuerRef } = cluster.spec.tls;
      if (issuerRef !== undefined)
        return signByIssuer(request, { ...subject, issuerRef }, options, signal);
      const outcome = await own.sign(request, subject, signal);
      if (outcome.kind !== 'signed') return outcome;
      const { version } = await readTrust(cluster, client);
      // Its pods have never known another one.
      if (version === undefined) return outcome;
      const issued = { certificate: outcome.certificate, ca: outcome.trusted, before: '' };
      return whenKnown(await makeKnown(cluster, issued, options), outcome);
    },
  };
}

async function signByIssuer(
  request: SigningRequest,
  subject: CertificateSubject & { readonly issuerRef: IssuerRef },
  options: ClusterSignerOptions,
  signal: AbortSignal | undefined,
): Promise<SigningOutcome> {
  const { cluster, role, name = role, owner, issuerRef } = subject;
  const lastsMs =
    role === 'administrator' ? ADMINISTRATOR_MS : durationMs(cluster.spec.tls.certificateDuration);
  // The operator looks after other clusters meanwhile, and comes back; a pod has nothing else to do.
  const waitMs = role === 'operator' ? 0 : WAIT_MAX_MS;
  const asked = { cluster, name, owner, issuerRef, lastsMs, waitMs };
  const outcome = await askIssuer(asked, request, options, signal);
  if (outcome.kind !== 'issued') return outcome;
  const before = await ownTrusted(cluster, options);
  const known = await makeKnown(cluster, { ...outcome, before }, options);
  const now = options.clock.wall();
  const leftMs = endOf(outcome.certificate) - now;
  const early = Math.min(durationMs(cluster.spec.tls.renewBefore), leftMs * LEFT);
  const { certificate } = outcome;
  return whenKnown(known, {
    kind: 'signed',
    certificate,
    trusted: '',
    renewAfter: now + leftMs - early,
  });
}

function whenKnown(
  known: Awaited<ReturnType<typeof makeKnown>>,
  signed: SigningOutcome & { readonly kind: 'signed' },
): SigningOutcome {
  switch (known.kind) {
    case 'known':
      return { ...signed, trusted: known.trusted };
    case 'refused':
      return { kind: 'refused', reason: 'IssuerChangesAuthority', message: known.message };
    case 'unknown': {
      const seconds = Math.ceil(known.waitMs / 1_000);
      const message = `spec.tls: the authority that signs is new; it is used in ${seconds} s, when every pod trusts it`;
      return { kind: 'pending', message };
    }
    default:
      return unreachable(known);
  }
}

/** What the pods of a cluster trust that has had no issuer: nothing is made for one that has one. */
async function ownTrusted(cluster: McpCluster, options: ClusterSignerOptions): Promise<string> {
  return (await readAuthority(clusterAuthority(cluster), options))?.trusted ?? '';
}
