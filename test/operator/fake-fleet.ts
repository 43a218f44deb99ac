/** Plays kubelet and sidecars for many clusters at once: every pod runs as soon as it exists, every cluster is healthy. */
import { setTimeout as pause } from 'node:timers/promises';
import { CLUSTER_LABEL } from '../../src/api/index.ts';
import { systemClock as clock, systemRandom as random } from '../../src/host/index.ts';
import { createInformer, RESOURCES, type KubeClient } from '../../src/kube/index.ts';
import type { Pod } from '../../src/operator/core/index.ts';
import type { SidecarClient, SidecarStatus } from '../../src/operator/index.ts';
import { createMetrics, silentLogger as logger } from '../../src/telemetry/index.ts';

export interface FakeFleet {
  readonly sidecars: SidecarClient;
  /** Questions that sidecars were asked. */
  questions(): number;
  stop(): Promise<void>;
}

/** Serves all pods of our clusters in one namespace. */
export function startFakeFleet(client: KubeClient, namespace: string): FakeFleet {
  const clusters = new Map<string, Set<string>>();
  const addresses = new Map<string, string>();
  let questions = 0;
  const pods = createInformer<Pod & { metadata: { name: string } }>({
    client,
    resource: RESOURCES.pods,
    namespace,
    labelSelector: CLUSTER_LABEL,
    clock,
    random,
    logger,
    metrics: createMetrics(),
  });
  const runs = new Set<Promise<void>>();
  pods.onChange((change) => {
    if (change.type === 'deleted') return;
    const current = change.object;
    if (addresses.has(current.metadata.uid ?? '')) return;
    const done = run(current).catch(() => void addresses.delete(current.metadata.uid ?? ''));
    runs.add(done);
    void done.finally(() => runs.delete(done));
  });
  pods.start();

  const run = async ({ metadata }: Pod): Promise<void> => {
    const { name = '', uid = '', labels } = metadata;
    const number = addresses.size + 1;
    addresses.set(uid, `10.244.${number >> 8}.${number & 255}`);
    const cluster = labels?.[CLUSTER_LABEL] ?? '';
    clusters.set(cluster, (clusters.get(cluster) ?? new Set()).add(name));
    const container = {
      ready: true,
      restartCount: 0,
      image: 'x',
      imageID: '',
      state: { running: { startedAt: '2026-01-01T00:00:00Z' } },
    };
    const now = new Date().toISOString().replace(/\.\d+Z/, 'Z');
    const status = {
      phase: 'Running',
      podIP: addresses.get(uid),
      podIPs: [{ ip: addresses.get(uid) }],
      conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: now }],
      initContainerStatuses: [{ ...container, name: 'sidecar' }],
      containerStatuses: [{ ...container, name: 'server' }],
    };
    await client.patch(
      RESOURCES.pods,
      { namespace, name },
      { type: 'merge', body: { metadata: { uid }, status }, subresource: 'status' },
    );
  };

  const statusOf = (name: string, cluster: string, generation: number): SidecarStatus => {
    const members = [...(clusters.get(cluster) ?? [])].sort();
    const leaderId = members[0] ?? '';
    return {
      nodeId: name,
      role: name === leaderId ? 'leader' : 'follower',
      leaderId,
      term: 1,
      commitIndex: 10,
      appliedIndex: 10,
      matchIndexes: name === leaderId ? members.map((id) => ({ id, matchIndex: 10 })) : [],
      members: members.map((id) => ({ id, state: 'alive' })),
      sessions: 0,
      sessionsOwned: 0,
      ready: true,
      notReadyReason: '',
      configGeneration: generation,
      draining: false,
      backend: { ready: true, problem: '' },
    };
  };

  const generations = new Map<string, number>();
  return {
    sidecars: {
      connect({ serverName }) {
        const name = serverName.split('.')[0] as string;
        const cluster = name.slice(0, name.lastIndexOf('-'));
        return {
          status: async () => {
            questions += 1;
            // A moment of the network: an answer never comes in the turn of its question.
            await pause(1);
            return statusOf(name, cluster, generations.get(cluster) ?? 0);
          },
          applyConfig: async (generation) => void generations.set(cluster, generation),
          changeMembership: async () => undefined,
          transferLeadership: async () => undefined,
          drain: async () => undefined,
          onFact: () => undefined,
          close: () => undefined,
        };
      },
    },
    questions: () => questions,
    async stop() {
      await pods.stop();
      await Promise.all(runs);
    },
  };
}
