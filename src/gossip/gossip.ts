/** The membership over gRPC, as the sidecar uses it. */
import { createGrpcTransport, type GrpcTransportOptions } from './grpc-transport.ts';
import { createMembership, type MembershipOptions } from './membership.ts';
import type { Membership } from './types.ts';

export type CreateGossipOptions = Omit<MembershipOptions, 'transport'> & GrpcTransportOptions;

/** Adds the gossip service to `rpcServer` (call it before the server listens); nothing is sent before `start()`. */
export function createGossip(options: CreateGossipOptions): Membership {
  return createMembership({ ...options, transport: createGrpcTransport(options) });
}
