/** Which pod serves a request: the owner while it lives, otherwise a pod that takes the session over. */
import type { ClaimReason, Owner, OwnerState } from './types.ts';

export type Route =
  | { readonly type: 'serve'; readonly node: string; readonly claim?: ClaimReason }
  /** Nobody can serve it now. */
  | { readonly type: 'wait' };

export interface RouteInput {
  readonly record: { readonly owner: Owner; readonly epoch: number };
  readonly self: Owner;
  readonly ownerState: OwnerState;
  /** The epoch whose owner gave the session up, and why; learnt from a refusal. */
  readonly released?: { readonly epoch: number; readonly reason: ClaimReason };
  /** True for a pod that takes new work and has not just refused. */
  readonly isReady: (node: string) => boolean;
  /** The pod for a session that moves. */
  readonly place: () => string | undefined;
}

/** The route of a request to an existing session. */
export function chooseRoute(input: RouteInput): Route {
  const { record, self, released } = input;
  const own = record.owner.node === self.node && record.owner.instance === self.instance;
  const reason: ClaimReason | undefined =
    released?.epoch === record.epoch
      ? released.reason
      : !own && input.ownerState === 'gone'
        ? 'owner-gone'
        : undefined;
  const { node: owner } = record.owner;
  if (reason === undefined) return { type: 'serve', node: owner };
  // A sidecar that restarted may find the session still in the memory of the server beside it.
  const isBack = reason === 'owner-gone' && input.isReady(owner);
  const node = isBack ? owner : input.place();
  return node === undefined ? { type: 'wait' } : { type: 'serve', node, claim: reason };
}
