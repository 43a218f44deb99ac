/** A certificate is given out only when the pods of its cluster trust who signed it. */
import type { McpCluster } from '../../api/index.ts';
import type { KubeClient } from '../../kube/index.ts';
import type { Clock } from '../../std/index.ts';
import { admitAuthority, AUTHORITIES_MAX, trustedOf, type TrustLedger } from '../core/index.ts';
import { endOf } from './issued.ts';
import { readTrust, writeTrust } from './trust-store.ts';

/** Others write the ledger only when an issuer changes its authority. */
const ATTEMPTS_MAX = 5;
/** As long as any certificate of any authority may last. */
export const CERTIFICATE_MS_MAX = 8_760 * 3_600_000;

export type Known =
  | { readonly kind: 'known'; readonly trusted: string }
  | { readonly kind: 'unknown'; readonly waitMs: number }
  | { readonly kind: 'refused'; readonly message: string };

/**
 * Makes sure that the authority `ca` is trusted by the pods of `cluster`, or begins to make it so. `before` is what they trust
 * when there is no ledger yet: PEM, or empty for a cluster whose pods have no certificates.
 */
export async function makeKnown(
  cluster: McpCluster,
  issued: { readonly certificate: string; readonly ca: string; readonly before: string },
  { client, clock }: { readonly client: KubeClient; readonly clock: Clock },
): Promise<Known> {
  const leafUntil = endOf(issued.certificate);
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
    const now = clock.wall();
    const { ledger, version } = await readTrust(cluster, client);
    const begun = version === undefined ? beginning(issued.before, now) : ledger;
    const admission = admitAuthority(begun, { certificate: issued.ca, leafUntil }, now);
    if (admission.kind === 'tooMany') {
      const message = `spec.tls.issuerRef: its issuer has had ${AUTHORITIES_MAX} authorities whose certificates are still valid; let it keep one, or choose another issuer`;
      return { kind: 'refused', message };
    }
    const isWritten =
      admission.ledger === ledger || (await writeTrust(cluster, admission.ledger, version, client));
    if (!isWritten) continue;
    return admission.kind === 'known'
      ? { kind: 'known', trusted: trustedOf(admission.ledger) }
      : { kind: 'unknown', waitMs: admission.waitMs };
  }
  return { kind: 'unknown', waitMs: 1_000 };
}

function beginning(before: string, now: number): TrustLedger {
  return before === '' ? [] : [{ certificate: before, since: 0, until: now + CERTIFICATE_MS_MAX }];
}
