/** What a front does after an owner refused or a stream broke, as one table. */
import type { ClaimReason, RefusalCode } from './types.ts';

export interface RefusalTraits {
  /** Another pod (or the same one anew) may take the session over, for this reason. */
  readonly claim?: ClaimReason;
  /** The front's copy of the record is old. */
  readonly stale: boolean;
  /** This pod should not be asked again for this request, as long as there is another. */
  readonly avoid: boolean;
  /** Wait a little before the next attempt. */
  readonly wait: boolean;
  /** No attempt can help. */
  readonly final: boolean;
}

const NONE: RefusalTraits = { stale: false, avoid: false, wait: false, final: false };

const REFUSALS: Readonly<Record<RefusalCode, RefusalTraits>> = {
  /** Somebody else owns the epoch. */
  'not-owner': { ...NONE, stale: true },
  /** Another claimant won. */
  'claim-lost': { ...NONE, stale: true },
  /** The owner cannot prove that it still owns: it says nothing until it can, or until its lease is over. */
  'lease-lost': { ...NONE, stale: true, wait: true },
  draining: { ...NONE, claim: 'owner-draining', avoid: true },
  /** The owner's MCP server does not know the session any more. */
  'backend-lost': { ...NONE, claim: 'backend-lost', avoid: true },
  /** The pod's MCP server does not answer at all. */
  'backend-down': { ...NONE, avoid: true, wait: true },
  /** The answer will never come, the session is well. */
  'request-lost': NONE,
  'session-ended': { ...NONE, final: true },
  /** No connection, or it broke; whether the owner lives, the cluster says. */
  unreachable: { ...NONE, stale: true, wait: true },
  /** The pod's MCP server does not speak the era of the request. */
  'wrong-era': { ...NONE, avoid: true },
};

export function refusalTraits(code: RefusalCode): RefusalTraits {
  return REFUSALS[code];
}
