/** A cluster, pods and reports to make decisions about. */
import type { McpCluster, McpClusterSpec } from '../../../src/api/index.ts';
import type {
  Pod,
  RolloutPolicy,
  SidecarReport,
  SidecarStatus,
} from '../../../src/operator/core/index.ts';
import {
  observeCluster,
  type ClusterView,
  type Observation,
} from '../../../src/operator/core/view.ts';
import { defaultedSpec } from '../../api/defaulted.ts';

const SPEC = defaultedSpec({
  server: {
    image: 'docker.io/mcp/everything',
    args: ['streamableHttp'],
    env: [{ name: 'PORT', value: '3001' }],
    port: 3001,
  },
});

export function cluster(
  spec: Partial<McpClusterSpec> = {},
  status?: McpCluster['status'],
): McpCluster {
  return {
    apiVersion: 'mcpcluster.io/v1alpha1',
    kind: 'McpCluster',
    metadata: { name: 'tools', namespace: 'team', uid: 'uid-1', generation: 4 },
    spec: { ...SPEC, ...spec },
    ...(status === undefined ? {} : { status }),
  };
}

export function pod(ordinal: number, changes: Partial<Pod> & { revision?: string } = {}): Pod {
  const { revision = 'r1', ...rest } = changes;
  const running = { state: { running: { startedAt: '2026-01-01T00:00:00Z' } } };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: `tools-${ordinal}`,
      namespace: 'team',
      uid: `pod-${ordinal}`,
      labels: { 'controller-revision-hash': revision },
    },
    spec: { nodeName: `node-${ordinal}` },
    status: {
      podIP: `10.244.0.${ordinal + 1}`,
      conditions: [{ type: 'Ready', status: 'True' }],
      initContainerStatuses: [{ name: 'sidecar', ready: true, restartCount: 0, ...running }],
      containerStatuses: [{ name: 'server', ready: true, restartCount: 0, ...running }],
    },
    ...rest,
  };
}

/** The answer of member `ordinal` of a healthy cluster of `size` led by member `leader`. */
export function answer(
  ordinal: number,
  changes: Partial<SidecarStatus> = {},
  { leader = 0, size = 3 } = {},
): SidecarReport {
  const ids = Array.from({ length: size }, (_, index) => `tools-${index}`);
  return {
    kind: 'answered',
    status: {
      nodeId: `tools-${ordinal}`,
      role: ordinal === leader ? 'leader' : 'follower',
      leaderId: `tools-${leader}`,
      term: 3,
      commitIndex: 100,
      appliedIndex: 100,
      matchIndexes: ordinal === leader ? ids.map((id) => ({ id, matchIndex: 100 })) : [],
      members: ids.map((id) => ({ id, state: 'alive' })),
      sessions: 5,
      sessionsOwned: 1,
      ready: true,
      notReadyReason: '',
      configGeneration: 4,
      draining: false,
      backend: { ready: true, problem: '' },
      ...changes,
    },
  };
}

/** Nothing but the cluster's safety holds a rollout, and nobody is asked for anything any more. */
export const AT_ONCE: RolloutPolicy = {
  maxUnavailable: 1,
  windowOpen: true,
  leaderApproved: true,
  version: undefined,
  askedMs: () => Infinity,
};

export const failed: SidecarReport = { kind: 'failed', problem: 'connection refused' };

/** A view of three pods (or as many as given), healthy unless the observation says otherwise. */
export function view(
  changes: Partial<Observation> & {
    size?: { replicas: number; voters: number };
    cluster?: McpCluster;
  } = {},
): ClusterView {
  const { size = { replicas: 3, voters: 3 }, cluster: of = cluster(), ...observation } = changes;
  const pods = observation.pods ?? Array.from({ length: size.replicas }, (_, index) => pod(index));
  const reports =
    observation.reports ??
    new Map(
      pods.map((each, index) => [
        each.metadata.name ?? '',
        answer(index, {}, { size: size.replicas }),
      ]),
    );
  return observeCluster(of, size, {
    logLines: new Map(),
    updateRevision: 'r1',
    ageMs: () => 60_000,
    ...observation,
    pods,
    reports,
  });
}
