/** Which pod serves a request: the owner while it lives, otherwise a pod that takes the session over. */
import type { ClaimReason, Member, Owner, OwnerState } from './types.ts';

export type Route =
  | { readonly type: 'serve'; readonly node: string; readonly claim?: ClaimReason }
  /** Nobody can serve it now. */
  | { readonly type: 'wait' };

export interface RouteInput {
  readonly record: { readonly owner: Owner; readonly epoch: number };
  readonly self: Owner;
  readonly ownerState: OwnerState;
  readonly placement: Placement;
  /** The epoch whose owner gave the session up, and why; learnt from a refusal. */
  readonly released?: { readonly epoch: number; readonly reason: ClaimReason };
}

export interface Placement {
  readonly self: Owner;
  readonly members: readonly Member[];
  /** Sessions per node, those being created included. */
  readonly sessions: ReadonlyMap<string, number>;
  /** Nodes that just refused. */
  readonly avoid: ReadonlySet<string>;
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
  if (reason === undefined) return { type: 'serve', node: record.owner.node };
  const node = restartedOwner(input, reason) ?? placeSession(input.placement);
  return node === undefined ? { type: 'wait' } : { type: 'serve', node, claim: reason };
}

/** A sidecar that restarted may find the session still in the memory of the server beside it. */
function restartedOwner(input: RouteInput, reason: ClaimReason): string | undefined {
  const { members, avoid } = input.placement;
  const { node } = input.record.owner;
  const back = members.find((member) => member.node === node && member.ready && !avoid.has(node));
  return reason === 'owner-gone' ? back?.node : undefined;
}

/** The ready pod with the fewest sessions, then the least load; this pod itself on ties. */
export function placeSession(placement: Placement): string | undefined {
  const { self, sessions, avoid } = placement;
  const candidates = placement.members.filter((member) => member.ready && !avoid.has(member.node));
  const rank = (member: Member): [number, number, number] => [
    sessions.get(member.node) ?? 0,
    member.load,
    member.node === self.node ? 0 : 1,
  ];
  return candidates.toSorted((a, b) => compareRanks(rank(a), rank(b)))[0]?.node;
}

function compareRanks(a: readonly number[], b: readonly number[]): number {
  for (const [index, value] of a.entries()) {
    const difference = value - (b[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
