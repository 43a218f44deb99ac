/** The way people install it: helm, an operator in a pod with its own token and no more rights than the chart gives it. */
import assert from 'node:assert/strict';
import { chartFolder, findHelm, helm, NAMESPACE as SYSTEM } from '../../../deploy/helm.ts';
import { connectEcho } from '../../../src/cli/mcp-client.ts';
import { RESOURCES, type KubeResource } from '../../../src/kube/index.ts';
import { verifies } from '../../requirements.ts';
import type { LaptopArena } from '../laptop.ts';
import { EVERYTHING, mcpCluster } from '../manifests.ts';
import type { Scenario } from '../scenario.ts';

const RELEASE = 'mcp-cluster-operator';
const NAME = 'charted';

interface PodWithAccount extends KubeResource {
  readonly spec: {
    readonly serviceAccountName?: string;
    readonly containers: readonly { readonly volumeMounts?: readonly { mountPath: string }[] }[];
  };
}

async function install(arena: LaptopArena): Promise<void> {
  const program = findHelm() ?? '';
  const env = { KUBECONFIG: arena.cluster.kubeconfig };
  const run = (...args: string[]): Promise<string> =>
    helm(program, [...args, '--namespace', SYSTEM, '--wait', '--timeout', '60s'], env);
  await run('install', RELEASE, chartFolder, '--create-namespace', '--set', 'crds.enabled=false');
  try {
    const { items } = await arena.client.list<PodWithAccount>(RESOURCES.pods, {
      namespace: SYSTEM,
    });
    const [pod] = items;
    assert.equal(items.length, 1);
    assert.equal(pod?.spec.serviceAccountName, RELEASE);
    const mounts = pod?.spec.containers[0]?.volumeMounts ?? [];
    const token = '/var/run/secrets/kubernetes.io/serviceaccount';
    assert.ok(mounts.some(({ mountPath }) => mountPath === token));
    await arena.apply(mcpCluster(NAME, { server: EVERYTHING, replicas: 1 }));
    await arena.condition(NAME, 'Available');
    const client = await connectEcho(await arena.url(NAME));
    await client.echo('hello');
    await client.close();
    await arena.remove(NAME);
  } finally {
    await run('uninstall', RELEASE);
  }
}

export const chartScenarios: readonly Scenario<LaptopArena>[] = [
  {
    name: verifies('chart.operator-pod'),
    lacks: findHelm() === undefined && 'helm',
    run: install,
  },
];
