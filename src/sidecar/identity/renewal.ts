/** How far the renewal of the pod's certificate is, and why it failed: as metrics, and in the words of the member's status. */
import { certificateExpiry, CERTIFICATE_REFUSALS } from '../../security/index.ts';
import type { Clock } from '../../std/index.ts';
import type { Metrics } from '../../telemetry/index.ts';
import type { Kept } from './kept.ts';

/** The certificate in force. Instants are milliseconds since 1970. */
export interface Renewal {
  readonly expiresAt: number;
  /** When the next one is asked for. */
  readonly dueAt: number;
  /** It should be there by now; see {@link overdueAt}. */
  readonly overdue: boolean;
  /** Why the last attempt failed; undefined when none did since the certificate was obtained. */
  readonly failure: RenewalFailure | undefined;
}

/** `code` is one of the operator's, `no-answer`, or `unusable` for a certificate that was given and cannot be shown. */
export interface RenewalFailure {
  readonly code: string;
  readonly message: string;
}

/** An operator that is being replaced or a short outage is no news. */
const GRACE_MS_MAX = 3_600_000;

/**
 * When a renewal that was due at `dueAt` is overdue: after an hour, or after a quarter of the time that is left then, when that is
 * shorter, as with certificates of an hour. The alert McpMemberCertificateNotRenewed follows the same rule.
 */
export function overdueAt({ dueAt, expiresAt }: Pick<Renewal, 'dueAt' | 'expiresAt'>): number {
  return dueAt + Math.min((expiresAt - dueAt) / 4, GRACE_MS_MAX);
}

export interface RenewalRecord {
  /** This certificate is in force, and to be renewed then. */
  inForce(kept: Pick<Kept, 'certificate' | 'renewAfter'>): void;
  /** An attempt to get the next one failed. */
  failed(failure: RenewalFailure): void;
  /** Undefined before the first certificate. */
  current(): Renewal | undefined;
  /** Why there is no newer certificate, or none at all; undefined when no attempt has failed since the last. */
  failure(): RenewalFailure | undefined;
}

/** A code that the operator of another release may answer is counted as `other`: no label takes its value from outside. */
const REASONS: ReadonlySet<string> = new Set([...CERTIFICATE_REFUSALS, 'no-answer', 'unusable']);

export function createRenewalRecord(metrics: Metrics, clock: Clock): RenewalRecord {
  const expiry = metrics.gauge(
    'member_certificate_expiry_timestamp_seconds',
    'When the certificate of this member ends, in seconds since 1970.',
  );
  const due = metrics.gauge(
    'member_certificate_renewal_due_timestamp_seconds',
    'When the certificate of this member is to be renewed, in seconds since 1970: in the past when that fails.',
  );
  const failures = metrics.counter(
    'member_certificate_renewal_failures_total',
    'Times that this member asked for a certificate and got none it can use, by reason.',
    ['reason'],
  );
  failures.inc({ reason: 'no-answer' }, 0);
  let inForce: { readonly certificate: string; readonly expiresAt: number } | undefined;
  let dueAt = 0;
  let failure: RenewalFailure | undefined;
  return {
    inForce({ certificate, renewAfter }) {
      if (certificate !== inForce?.certificate) {
        inForce = { certificate, expiresAt: certificateExpiry(certificate).getTime() };
        failure = undefined;
        expiry.set(inForce.expiresAt / 1_000);
      }
      dueAt = renewAfter;
      due.set(dueAt / 1_000);
    },
    failed(next) {
      failure = next;
      failures.inc({ reason: REASONS.has(next.code) ? next.code : 'other' });
    },
    current() {
      if (inForce === undefined) return undefined;
      const { expiresAt } = inForce;
      const overdue = clock.wall() >= overdueAt({ dueAt, expiresAt });
      return { expiresAt, dueAt, overdue, failure };
    },
    failure: () => failure,
  };
}
