/** The gateway's configuration: what the user decides, and every limit and time-out by name with its default. */
import type { GatewayPolicies } from './policies.ts';

export interface GatewayAddress {
  readonly host: string;
  readonly port: number;
}

export interface GatewayLimits {
  readonly bodyBytes: number;
  readonly headerBytes: number;
  /** Concurrent requests and streams of one session at its owner. */
  readonly streamsPerSession: number;
  /** Requests this pod handles at the same time as a front, open streams included. */
  readonly requestsMax?: number;
  /** Open `subscriptions/listen` of clients at this pod; each costs one at every pod's MCP server. */
  readonly listensMax?: number;
  /** Characters of one SSE event from an MCP server. */
  readonly eventCharsMax?: number;
  /** Events a slow client may leave unread before reading from its server pauses. */
  readonly unreadEventsMax?: number;
}

export interface GatewayTiming {
  /** How long a request waits for a pod that can serve it, moves included. */
  readonly failoverMs?: number;
  /** How long `initialize` and a move wait at one pod for its MCP server to answer. */
  readonly backendWaitMs?: number;
  /** A GET is accepted at the latest after so long, even when its session is still moving. */
  readonly acceptStreamMs?: number;
  /** `retry:` sent to clients: when they resume a stream that dropped. */
  readonly retryMs?: number;
  /** Comment on a quiet SSE stream. */
  readonly keepaliveMs?: number;
  /** A client that takes nothing of its answer for so long is cut off. */
  readonly stalledMs?: number;
  /** A request's head, and then its body, have to be complete after so long. */
  readonly requestHeadMs?: number;
  readonly requestBodyMs?: number;
  /** An idle connection of a client is kept so long: longer than load balancers in front of us do, so that they close first. */
  readonly idleConnectionMs?: number;
  readonly connectMs?: number;
  /** Longest time one request may run at an MCP server. */
  readonly exchangeMs?: number;
  /** Probe interval of the MCP server while it does not answer; while it does, `policies.health` says. */
  readonly probeDownMs?: number;
  /** How long a commit of session state may hold back an answer. */
  readonly commitMs?: number;
  /** How long requests that run at this pod's server may go on once its sessions are being handed over. */
  readonly handOverMs?: number;
  /** How long a pod that leaves lets answers to its clients end. */
  readonly drainMs?: number;
  /** How long a pod that has given its sessions away still answers, until load balancers send nobody any more. */
  readonly lingerMs?: number;
  /** How often idle sessions are looked for. */
  readonly sweepMs?: number;
}

/**
 * `allowedOrigins`, `allowedHosts`, `limits` and `policies` are read at each use, so that an object with getters can change them while
 * the gateway runs (`limits.headerBytes` is read at start); the rest is read once.
 */
export interface GatewayConfig {
  /** Where clients connect. */
  readonly listen: GatewayAddress;
  /** Where other gateways connect. */
  readonly peerListen: GatewayAddress;
  /** The MCP endpoint's path at the gateway. */
  readonly path: string;
  /** The unmodified MCP server beside this gateway. */
  readonly backend: GatewayAddress & { readonly path: string };
  /** Exact `Origin` values; empty = the MCP server decides. */
  readonly allowedOrigins: readonly string[];
  /**
   * Host names (no port) clients may use; empty = the MCP server decides, and sees the client's `Host`. When the gateway
   * checks, the server sees its own address, so that a server that only accepts `localhost` works too.
   */
  readonly allowedHosts: readonly string[];
  readonly limits: GatewayLimits;
  readonly timing?: GatewayTiming;
  /** `DEFAULT_POLICIES` when absent. A new value replaces the old one as a whole. */
  readonly policies?: GatewayPolicies;
  /** Where token files are that the policies name by a relative path; default: the working folder. */
  readonly tokensDirectory?: string;
}

export type ResolvedLimits = Required<GatewayLimits>;
export type ResolvedTiming = Required<GatewayTiming>;

const DEFAULT_TIMING: ResolvedTiming = {
  failoverMs: 15_000,
  backendWaitMs: 5_000,
  acceptStreamMs: 1_000,
  // SDK clients try twice (+1, +2 times this value) and then give up: it must outlast what load balancers need to learn of a
  // death, twice, and be short enough that an error arrives within a second. A move may take longer: its GET is held.
  retryMs: 750,
  keepaliveMs: 15_000,
  stalledMs: 60_000,
  requestHeadMs: 10_000,
  requestBodyMs: 60_000,
  idleConnectionMs: 75_000,
  connectMs: 1_000,
  exchangeMs: 3_600_000,
  probeDownMs: 100,
  commitMs: 5_000,
  handOverMs: 10_000,
  drainMs: 10_000,
  lingerMs: 1_000,
  sweepMs: 60_000,
};

/** The limits in force now: asked at each use, because the user may change them while the gateway runs. */
export function resolveLimits(config: Pick<GatewayConfig, 'limits'>): ResolvedLimits {
  return {
    get bodyBytes() {
      return config.limits.bodyBytes;
    },
    get headerBytes() {
      return config.limits.headerBytes;
    },
    get streamsPerSession() {
      return config.limits.streamsPerSession;
    },
    get requestsMax() {
      return config.limits.requestsMax ?? 20_000;
    },
    get listensMax() {
      return config.limits.listensMax ?? 1_000;
    },
    get eventCharsMax() {
      return config.limits.eventCharsMax ?? 64 * 1024 * 1024;
    },
    get unreadEventsMax() {
      return config.limits.unreadEventsMax ?? 64;
    },
  };
}

export function resolveTiming(timing: GatewayTiming = {}): ResolvedTiming {
  return { ...DEFAULT_TIMING, ...timing };
}
