/** The sidecar's configuration made from a spec: the whole of it for the start, a part of it for a running cluster. */
import { SIDECAR_PORTS, type McpCluster } from '../../api/index.ts';
import { durationMs } from './durations.ts';
import { fingerprint } from './hash.ts';
import { objectNames, ownedMetadata, podName } from './names.ts';
import { policiesOf } from './policies.ts';
import type { DesiredObject } from './shapes.ts';

export const CONFIG_FILE = 'config.json';
/** Members that a pod gossips with per round. */
const GOSSIP_FANOUT = 3;

/** Pods and voters of a cluster: as they are, or as they shall be. */
export interface ClusterSize {
  readonly replicas: number;
  readonly voters: number;
}

/** What a running sidecar takes over without a restart. */
export function runningConfig(cluster: McpCluster) {
  const { gateway, sessions, fencedMembers } = cluster.spec;
  return {
    fencedMembers,
    gateway: {
      allowedOrigins: gateway.allowedOrigins,
      allowedHosts: gateway.allowedHosts,
      limits: gateway.limits,
      policies: policiesOf(cluster),
    },
    sessions: {
      idleTimeoutMs: durationMs(sessions.idleTimeout),
      max: sessions.max,
      resume: sessions.resume,
    },
  };
}

/** What only a starting sidecar reads. */
function startConfig(cluster: McpCluster) {
  const { metadata, spec } = cluster;
  const { heartbeatInterval, electionTimeout } = spec.consensus;
  return {
    clusterId: metadata.uid,
    name: metadata.name,
    namespace: metadata.namespace,
    peerService: objectNames(metadata.name).peerService,
    ports: { gateway: spec.gateway.port, ...SIDECAR_PORTS },
    server: { port: spec.server.port, path: spec.server.path },
    gateway: { path: spec.gateway.path },
    consensus: {
      heartbeatIntervalMs: durationMs(heartbeatInterval),
      electionTimeoutMs: {
        min: durationMs(electionTimeout.min),
        max: durationMs(electionTimeout.max),
      },
    },
    gossip: {
      probeIntervalMs: durationMs(spec.gossip.probeInterval),
      probeTimeoutMs: durationMs(spec.gossip.probeTimeout),
      suspicionMs: durationMs(spec.gossip.suspicion),
      fanout: GOSSIP_FANOUT,
    },
  };
}

/** Everything a starting sidecar is told. */
export function sidecarConfig(cluster: McpCluster, size: ClusterSize) {
  const start = startConfig(cluster);
  const running = runningConfig(cluster);
  return {
    ...start,
    ...foundation(cluster, size),
    replicas: size.replicas,
    fencedMembers: running.fencedMembers,
    gateway: { ...start.gateway, ...running.gateway },
    sessions: running.sessions,
  };
}

/** Whom a member asks where the others are, once the cluster exists. */
const SEEDS_MAX = 7;

/** Who founds the cluster; when it exists nobody does any more, however empty a volume is. */
function foundation(cluster: McpCluster, size: ClusterSize) {
  const founded = cluster.status?.founded === true;
  const count = founded ? Math.min(size.replicas, SEEDS_MAX) : size.voters;
  const { name } = cluster.metadata;
  return { founded, voters: Array.from({ length: count }, (_, ordinal) => podName(name, ordinal)) };
}

/** Changes exactly when pods must be replaced to follow the spec. */
export function configHash(cluster: McpCluster): string {
  // An HTTP server's limit on headers is set when it is made.
  const { headerBytes } = cluster.spec.gateway.limits;
  return fingerprint({ ...startConfig(cluster), headerBytes });
}

export function configMap(
  cluster: McpCluster,
  size: ClusterSize,
): DesiredObject & {
  readonly data: Readonly<Record<string, string>>;
} {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: ownedMetadata(cluster, objectNames(cluster.metadata.name).configMap),
    data: { [CONFIG_FILE]: `${JSON.stringify(sidecarConfig(cluster, size), null, 2)}\n` },
  };
}
