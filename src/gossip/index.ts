/**
 * Band 4: who is in the cluster. SWIM: every member probes the others in turn, asks others to probe before it suspects, and
 * spreads news by piggybacking; a periodic full exchange makes all views equal. `core/` is the pure protocol; this folder
 * adds the clock, the gRPC transport and listeners. Gossip only observes: it never decides who votes in Raft.
 */
export type { Member, MemberChange, MemberChangeKind } from './core/model.ts';
export { createGossip } from './gossip.ts';
export { createMembership } from './membership.ts';
export { CallFailure, type GossipTransport } from './ports.ts';
export type { Membership } from './types.ts';
