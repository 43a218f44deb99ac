/** What a provider of identities says about a token. */
import { createHash } from 'node:crypto';
import type { Principal } from '../exchange.ts';

/** Why a token that a provider knows is refused; also a metric label, so the set is closed. */
export type InvalidReason =
  'algorithm' | 'audience' | 'claims' | 'expired' | 'malformed' | 'not-yet-valid' | 'signature';

export type Verdict =
  | {
      readonly type: 'known';
      readonly principal: Principal;
      /** Wall-clock instant from which on the token is not good any more. */
      readonly expiresAt?: number;
    }
  /** Not this provider's: the next one is asked. */
  | { readonly type: 'unknown' }
  /** This provider's, and no good: nobody else is asked. */
  | { readonly type: 'invalid'; readonly reason: InvalidReason }
  /** It cannot be found out now. */
  | { readonly type: 'unavailable'; readonly detail: string };

/** One way to find out who sent a token. */
export interface TokenProvider {
  /** Never rejects. */
  check(token: string): Promise<Verdict>;
}

export const UNKNOWN: Verdict = { type: 'unknown' };

/** Who `subject` of `issuer` is; the id cannot be used as a credential, and is the same on every pod. */
export function principalOf(
  identity: readonly [provider: string, issuer: string, ...subject: string[]],
  facts: Omit<Principal, 'id'>,
): Principal {
  const digest = createHash('sha256').update(JSON.stringify(identity)).digest('base64url');
  return { id: `sha256:${digest}`, ...facts };
}
