/** From flags to a sidecar's launch plan: in Kubernetes the operator's file decides, without it the flags do. */
import { isIPv4 } from 'node:net';
import { UsageError } from '../host/index.ts';
import { nodeId, parseDuration, type NodeId } from '../std/index.ts';
import type { SidecarConfig } from './config.ts';

/** Flags as the command line gives them: text, or absent. */
export interface SidecarFlags {
  readonly config?: string;
  readonly nodeId?: string;
  readonly clusterPort?: string;
  readonly peers?: string;
  readonly advertiseAddr?: string;
  readonly join?: string;
  readonly heartbeatInterval?: string;
  readonly electionTimeoutMin?: string;
  readonly electionTimeoutMax?: string;
  readonly learnerDeadAfter?: string;
  readonly sessionDbPath?: string;
  readonly tlsDir?: string;
  readonly identityDir?: string;
  readonly metricsPort?: string;
  readonly gatewayPort?: string;
  readonly gatewayPeerPort?: string;
  readonly upstream?: string;
  readonly policies?: string;
  readonly podAnnotationsDir?: string;
  readonly tokensDir?: string;
  readonly recovery?: string;
  readonly handOverFile?: string;
  readonly handOverTimeout?: string;
}

export interface PeerAddress {
  readonly host: string;
  readonly port: number;
}

/** A sidecar started by hand: everything that Kubernetes would have told it. */
export interface StandalonePlan {
  readonly id: NodeId;
  readonly clusterPort: number;
  readonly advertise: PeerAddress;
  /** Members by id, this one included; empty when the member list comes from `join`. */
  readonly peers: ReadonlyMap<NodeId, PeerAddress>;
  readonly join: PeerAddress | undefined;
  readonly consensus: SidecarConfig['consensus'];
  readonly dataRoot: string;
  readonly tlsDir: string | undefined;
  /** Undefined: health and metrics answer on the cluster port. */
  readonly metricsPort: number | undefined;
  /** Undefined: no MCP server behind this member, so no gateway. */
  readonly gateway: { port: number; peerPort: number; upstream: URL } | undefined;
}

const DEFAULTS = { clusterPort: 7000, heartbeatMs: 50, electionMinMs: 200, electionMaxMs: 400 };

/** Checks the flags of a sidecar without Kubernetes; throws {@link UsageError} with the flag, its value and the rule. */
export function planStandalone(flags: SidecarFlags): StandalonePlan {
  const clusterPort = portFlag('--cluster-port', flags.clusterPort) ?? DEFAULTS.clusterPort;
  const id = idFlag('--node-id', required('--node-id', flags.nodeId, 'a name such as n1'));
  const advertise =
    flags.advertiseAddr === undefined
      ? { host: '127.0.0.1', port: clusterPort }
      : addressFlag('--advertise-addr', flags.advertiseAddr);
  const peers = peersFlag(flags.peers);
  if (flags.join === undefined || peers.size > 0) peers.set(id, peers.get(id) ?? advertise);
  if (peers.size > 7) throw new UsageError(`--peers names ${peers.size} members: at most 7 vote`);
  return {
    id,
    clusterPort,
    advertise,
    peers,
    join: flags.join === undefined ? undefined : addressFlag('--join', flags.join),
    consensus: consensusFlags(flags),
    dataRoot: required('--session-db-path', flags.sessionDbPath, 'a folder to keep data in'),
    tlsDir: flags.tlsDir,
    metricsPort: portFlag('--metrics-port', flags.metricsPort),
    gateway: gatewayFlags(flags),
  };
}

function gatewayFlags(flags: SidecarFlags): StandalonePlan['gateway'] {
  if (flags.upstream === undefined) return undefined;
  const upstream = URL.parse(flags.upstream);
  if (upstream === null || upstream.protocol !== 'http:') {
    throw new UsageError(
      `--upstream ${flags.upstream}: give the MCP server's URL, such as http://127.0.0.1:3001/mcp`,
    );
  }
  return {
    port: portFlag('--gateway-port', flags.gatewayPort) ?? 8080,
    peerPort: portFlag('--gateway-peer-port', flags.gatewayPeerPort) ?? 8081,
    upstream,
  };
}

function consensusFlags(flags: SidecarFlags): SidecarConfig['consensus'] {
  const heartbeatIntervalMs =
    durationFlag('--heartbeat-interval', flags.heartbeatInterval) ?? DEFAULTS.heartbeatMs;
  const min =
    durationFlag('--election-timeout-min', flags.electionTimeoutMin) ?? DEFAULTS.electionMinMs;
  const max =
    durationFlag('--election-timeout-max', flags.electionTimeoutMax) ??
    Math.max(DEFAULTS.electionMaxMs, 2 * min);
  if (min < 2 * heartbeatIntervalMs) {
    throw new UsageError(
      `--election-timeout-min ${min}ms: at least twice --heartbeat-interval (${heartbeatIntervalMs}ms)`,
    );
  }
  if (max <= min) {
    throw new UsageError(
      `--election-timeout-max ${max}ms: must be greater than --election-timeout-min (${min}ms)`,
    );
  }
  const learnerDeadAfterMs = durationFlag('--learner-dead-after', flags.learnerDeadAfter);
  return {
    heartbeatIntervalMs,
    electionTimeoutMs: { min, max },
    ...(learnerDeadAfterMs === undefined ? {} : { learnerDeadAfterMs }),
  };
}

function required(flag: string, value: string | undefined, what: string): string {
  if (value === undefined || value === '') {
    throw new UsageError(
      `${flag} is missing: give ${what} (or --config when Kubernetes runs this)`,
    );
  }
  return value;
}

function idFlag(flag: string, value: string): NodeId {
  try {
    return nodeId(value);
  } catch (error) {
    throw new UsageError(`${flag}: ${(error as Error).message}`);
  }
}

function peersFlag(value: string | undefined): Map<NodeId, PeerAddress> {
  const peers = new Map<NodeId, PeerAddress>();
  for (const entry of (value ?? '').split(',').filter((part) => part.trim() !== '')) {
    const [id, address, ...rest] = entry.trim().split('@');
    if (address === undefined || rest.length > 0) {
      throw new UsageError(`--peers ${entry}: expected id@host:port, several separated by commas`);
    }
    const peer = idFlag('--peers', id as string);
    if (peers.has(peer)) throw new UsageError(`--peers names ${peer} twice`);
    peers.set(peer, addressFlag('--peers', address));
  }
  return peers;
}

/** Parses `host:port`; an IPv6 host stands in brackets. */
function addressFlag(flag: string, value: string): PeerAddress {
  const match = /^(?:\[([0-9a-f:.]+)\]|([^:[\]\s]+)):(\d+)$/i.exec(value);
  if (match === null) throw new UsageError(`${flag} ${value}: expected host:port`);
  return { host: (match[1] ?? match[2]) as string, port: portFlag(flag, match[3]) as number };
}

function portFlag(flag: string, value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const port = Number(value);
  if (!/^\d+$/.test(value) || port < 1 || port > 65_535) {
    throw new UsageError(`${flag} ${value}: expected a port from 1 to 65535`);
  }
  return port;
}

/** A duration flag: a plain number is milliseconds, otherwise a unit is given (`50ms`, `1s`). */
export function durationFlag(flag: string, value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const ms = /^\d+$/.test(value) ? Number(value) : parseDuration(value);
  if (ms === undefined || ms < 1) {
    throw new UsageError(`${flag} ${value}: expected milliseconds (50) or a duration (50ms, 1s)`);
  }
  return ms;
}

/** True for an address that never leaves this machine. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));
}

/** The inverse of `host:port`, which is how members' addresses travel. */
export function splitAddress(address: string): PeerAddress {
  const colon = address.lastIndexOf(':');
  return { host: address.slice(0, colon), port: Number(address.slice(colon + 1)) };
}
