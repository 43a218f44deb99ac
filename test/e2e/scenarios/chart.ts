/** The way people install it: helm, an operator in a pod with its own token and no more rights than the chart gives it. */
import assert from 'node:assert/strict';
import { chartFolder, findHelm, helm, NAMESPACE as SYSTEM } from '../../../deploy/helm.ts';
import { connectEcho } from '../../../src/cli/mcp-client.ts';
import { RESOURCES, type KubeResource } from '../../../src/kube/index.ts';
import { eventually } from '../../eventually.ts';
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
  } finally {
    await run('uninstall', RELEASE);
  }
  await assertGone(arena);
  await arena.remove(NAME);
}

/** What the operator made for itself goes with its release; a cluster, its authority and its pods stay. */
async function assertGone({ client, get }: LaptopArena): Promise<void> {
  const authority = { namespace: SYSTEM, name: `${RELEASE}-serving-authority` };
  await eventually(
    'the authority of the operator to be collected',
    async () => (await client.get(RESOURCES.secrets, authority)) === undefined,
    30_000,
  );
  const { metadata } = await get(NAME);
  assert.equal(metadata.deletionTimestamp, undefined);
  const { namespace } = metadata;
  assert.ok(await client.get(RESOURCES.secrets, { namespace, name: `${NAME}-ca` }));
  const pod = await client.get(RESOURCES.pods, { namespace, name: `${NAME}-0` });
  assert.ok(pod !== undefined && pod.metadata.deletionTimestamp === undefined);
}

export const chartScenarios: readonly Scenario<LaptopArena>[] = [
  {
    name: `${verifies('chart.operator-pod')}; ${verifies('chart.leaves-nothing')}`,
    lacks: findHelm() === undefined && 'helm',
    run: install,
  },
];
