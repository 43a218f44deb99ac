/** Who signs the certificates of a cluster: a port with two ways behind it, the cluster's own authority and an issuer. */
import type { McpCluster } from '../../api/index.ts';
import type { SigningRequest } from '../../security/index.ts';
import type { ReconcileProblem } from '../core/index.ts';
import type { CertificateSubject } from './subjects.ts';

export type SigningOutcome =
  | {
      readonly kind: 'signed';
      /** The leaf first, then whatever leads from it to what is trusted; PEM. */
      readonly certificate: string;
      /** PEM: the authorities that members accept now. */
      readonly trusted: string;
      /** When to ask for the next one, on the wall clock in milliseconds. */
      readonly renewAfter: number;
    }
  /** The same request is to be repeated a little later. */
  | { readonly kind: 'pending'; readonly message: string }
  | {
      readonly kind: 'refused';
      /** Why, as the conditions of a cluster say it; the cluster's own authority refuses nothing. */
      readonly reason: ReconcileProblem['reason'];
      readonly message: string;
    };

export interface CertificateSigner {
  /** PEM: the authorities that members of the cluster accept. Makes and rotates what is missing, so only for who leads. */
  trusted(cluster: McpCluster): Promise<string>;
  /** `request` was checked, and names exactly what `subject` may be named. Works on every operator, whoever leads. */
  sign(
    request: SigningRequest,
    subject: CertificateSubject,
    signal?: AbortSignal,
  ): Promise<SigningOutcome>;
}
