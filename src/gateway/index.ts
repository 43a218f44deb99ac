/**
 * Band 4: the gateway in every pod. Any pod accepts any client; the session's owner talks to the MCP server beside it. Front
 * and owner are the two halves: `interceptors/` is the front's request path, `owner/` the sessions served here, `peer/` the
 * way between pods, `core/` the routing decisions. Sessions, members and leases come through `ports.ts`.
 */
export {
  type GatewayAddress,
  type GatewayConfig,
  type GatewayLimits,
  type GatewayTiming,
} from './config.ts';
export type { ClaimReason, RefusalCode } from './core/types.ts';
export type { GatewayEvent } from './events.ts';
export { createGateway, type Gateway, type GatewayOptions, type GatewayStatus } from './gateway.ts';
export { DEFAULT_POLICIES, type GatewayPolicies } from './policies.ts';
export type {
  Cluster,
  Member,
  Owner,
  OwnerState,
  Ownership,
  PeerTls,
  Resources,
  ReviewedToken,
  ReviewToken,
  Sessions,
  TlsMaterial,
  TlsSource,
} from './ports.ts';
