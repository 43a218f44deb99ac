/** A HorizontalPodAutoscaler of the real controller follows the sessions that pods export, through /scale. */
import assert from 'node:assert/strict';
import { MCP_CLUSTERS } from '../../../src/api/index.ts';
import { connectEcho, type EchoClient } from '../../../src/cli/mcp-client.ts';
import type { KubeObject } from '../../../src/kube/index.ts';
import { eventually } from '../../eventually.ts';
import { verifies } from '../../requirements.ts';
import { readSample, type Arena } from '../arena.ts';
import { NAMESPACE } from '../manifests.ts';
import { startMetricsAdapter } from '../metrics-adapter.ts';
import type { Scenario } from '../scenario.ts';
import { assertSurvived, moreCalls, openBusySession } from '../sessions.ts';
import { SAMPLE } from './cluster.ts';
import { settled } from './members.ts';

const PATH = `/apis/autoscaling/v2/namespaces/${NAMESPACE}/horizontalpodautoscalers`;

interface Autoscaler extends KubeObject {
  readonly spec: {
    readonly scaleTargetRef: object;
    readonly metrics: readonly { pods: { metric: { name: string }; target: object } }[];
    readonly behavior: { readonly scaleDown: object };
  };
}

/** The sample for people, on the cluster of the scenarios, with a target that few sessions reach and no time to wait. */
function onSample(sample: Autoscaler, target: number): object {
  const [sessions, ...others] = sample.spec.metrics;
  const scaled = {
    ...sessions,
    pods: { ...sessions?.pods, target: { type: 'AverageValue', averageValue: String(target) } },
  };
  return {
    ...sample,
    metadata: { namespace: NAMESPACE, name: SAMPLE },
    spec: {
      ...sample.spec,
      scaleTargetRef: { ...sample.spec.scaleTargetRef, name: SAMPLE },
      metrics: [scaled, ...others],
      behavior: { scaleDown: { ...sample.spec.behavior.scaleDown, stabilizationWindowSeconds: 0 } },
    },
  };
}

async function follow(arena: Arena): Promise<void> {
  const { client } = arena;
  const objects = await readSample(arena, 'autoscaling.yaml');
  const find = <T>(kind: string): T => objects.find((each) => each.kind === kind) as T;
  const sample = find<Autoscaler>('HorizontalPodAutoscaler');
  const { bulkheads } = find<{ spec: { bulkheads: object } }>('McpCluster').spec;
  const patch = (spec: object) =>
    client.patch(
      MCP_CLUSTERS,
      { namespace: NAMESPACE, name: SAMPLE },
      { type: 'merge', body: { spec } },
    );
  await patch({ bulkheads });
  const before = await settled(arena, 3);
  const adapter = await startMetricsAdapter(
    client,
    sample.spec.metrics.map(({ pods }) => pods.metric.name),
  );
  try {
    // Sessions that earlier scenarios left count too.
    const known = before.status?.sessions ?? 0;
    const target = Math.ceil(known / 3) + 4;
    const url = await arena.url(SAMPLE);
    const busy = await openBusySession(url);
    const idle: EchoClient[] = [];
    while (known + idle.length + 1 < 3.5 * target) idle.push(await connectEcho(url));
    const autoscaler = onSample(sample, target);
    await client.raw('POST', PATH, { body: autoscaler });
    await settled(arena, 4, 3);
    await Promise.all(idle.splice(2).map((session) => session.close()));
    await settled(arena, 3);
    await moreCalls(busy, 20);
    console.log(await assertSurvived(busy, Infinity));
    for (const session of idle) {
      const id = session.sessionId();
      await session.echo('still here');
      assert.equal(session.sessionId(), id);
      await session.close();
    }
    const told = await eventually('what the autoscaler did', async () => {
      const text = await client.raw('GET', `${PATH}/${SAMPLE}`);
      const { status } = JSON.parse(text) as { status: { desiredReplicas: number } };
      return status.desiredReplicas === 3 && text;
    });
    assert.match(told, /ScalingActive/);
  } finally {
    await client.raw('DELETE', `${PATH}/${SAMPLE}`).catch(() => undefined);
    await adapter.stop();
    await patch({ bulkheads: null, replicas: 3 });
  }
}

export const autoscalingScenarios: readonly Scenario[] = [
  {
    name: verifies('operator.autoscaling'),
    only: 'kubebuilder',
    timeoutMs: 180_000,
    run: follow,
  },
];
