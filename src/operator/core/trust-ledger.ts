/**
 * The authorities that a cluster's pods accept when an issuer signs for it. The issuer may change its authority at any time and
 * tells nobody: a new one is trusted first and used only when everybody has heard of it; an old one is trusted as long as
 * anything that it signed is valid.
 */

export interface TrustedAuthority {
  /** PEM. */
  readonly certificate: string;
  /** Since when it is trusted, in milliseconds of the wall clock. */
  readonly since: number;
  /** Nothing that it signed is valid after this. */
  readonly until: number;
}

/** The newest last. */
export type TrustLedger = readonly TrustedAuthority[];

/** A mounted volume is everywhere within two minutes. A new pod that has no certificate yet waits for it. */
export const ISSUER_OVERLAP_MS = 5 * 60_000;
/** An issuer that has had so many authorities at a time is none that can be relied on. */
export const AUTHORITIES_MAX = 4;
/** The end of what an authority signs is written down once for many certificates. */
const SLACK_MS = 86_400_000;

export type Admission =
  /** `ledger` is as it was, or has to be written before the certificate is given out. */
  | { readonly kind: 'known'; readonly ledger: TrustLedger }
  | { readonly kind: 'unknown'; readonly ledger: TrustLedger; readonly waitMs: number }
  | { readonly kind: 'tooMany' };

/** Takes note of an authority by what it signed, which is valid until `leafUntil`; forgets what nobody needs any more. */
export function admitAuthority(
  ledger: TrustLedger,
  { certificate, leafUntil }: { readonly certificate: string; readonly leafUntil: number },
  now: number,
): Admission {
  const kept = ledger.filter((one) => one.certificate === certificate || one.until > now);
  const found = kept.find((one) => one.certificate === certificate);
  if (found === undefined) {
    if (kept.length >= AUTHORITIES_MAX) return { kind: 'tooMany' };
    const entry = { certificate, since: now, until: leafUntil + SLACK_MS };
    // Nobody has a certificate of another one yet, so there is nobody to wait for.
    if (kept.length === 0) return { kind: 'known', ledger: [entry] };
    return { kind: 'unknown', ledger: [...kept, entry], waitMs: ISSUER_OVERLAP_MS };
  }
  const until = leafUntil > found.until ? leafUntil + SLACK_MS : found.until;
  const isSame = until === found.until && kept.length === ledger.length;
  const next = isSame ? ledger : kept.map((one) => (one === found ? { ...found, until } : one));
  const waitMs = found.since + ISSUER_OVERLAP_MS - now;
  const isFirst = kept[0] === found;
  return isFirst || waitMs <= 0
    ? { kind: 'known', ledger: next }
    : { kind: 'unknown', ledger: next, waitMs };
}

/** PEM: everything that is accepted. */
export function trustedOf(ledger: TrustLedger): string {
  return ledger.map(({ certificate }) => certificate).join('');
}
