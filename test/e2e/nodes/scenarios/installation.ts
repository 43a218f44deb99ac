/** What the chart installs runs as it should on a cluster that refuses what is not restricted, and can be watched and upgraded. */
import assert from 'node:assert/strict';
import { RESOURCES } from '../../../../src/kube/index.ts';
import { eventually } from '../../../eventually.ts';
import { exportedNames } from '../../../monitoring/metric-names.ts';
import { verifies } from '../../../requirements.ts';
import { NAMESPACE } from '../../manifests.ts';
import { scenario, type Scenario } from '../../scenario.ts';
import { SAMPLE, whole } from '../../scenarios/cluster.ts';
import { podUids } from '../../scenarios/life-cycle.ts';
import { assertSurvived, moreCalls, openBusySession } from '../../sessions.ts';
import { OPERATOR_NAMESPACE, OPERATOR_PODS, RELEASE, type NodesArena } from '../arena.ts';

const install = scenario(verifies('nodes.install'), async (arena: NodesArena) => {
  const pods = await arena.pods(OPERATOR_NAMESPACE, OPERATOR_PODS);
  assert.equal(pods.length, 2);
  assert.equal(new Set(pods.map(({ spec }) => spec?.nodeName)).size, 2, 'two nodes');
  await eventually('one that leads', async () => (await arena.operatorLeader()) !== '', 30_000);
  const states = await eventually('both to answer', async () => {
    const found = await leaderStates(arena);
    return found.length === 2 && found;
  });
  assert.equal(states.filter((state) => state === 1).length, 1);
});

/** What each operator says of itself: 1 leads, 0 waits. One that does not answer is left out. */
export async function leaderStates(arena: NodesArena): Promise<number[]> {
  const pods = await arena.pods(OPERATOR_NAMESPACE, OPERATOR_PODS);
  const texts = await Promise.all(
    pods.map(({ metadata: { name = '' } }) =>
      arena.metricsOf(OPERATOR_NAMESPACE, name).catch(() => ''),
    ),
  );
  return texts.flatMap((text) => {
    const value = /^leader_election_master_status\S* (\d)/m.exec(text)?.[1];
    return value === undefined ? [] : [Number(value)];
  });
}

interface Container {
  readonly name: string;
  readonly securityContext?: { readonly readOnlyRootFilesystem?: boolean };
  readonly volumeMounts?: readonly { readonly mountPath: string }[];
}

const restricted = scenario(verifies('nodes.restricted'), async (arena: NodesArena) => {
  for (const namespace of [NAMESPACE, OPERATOR_NAMESPACE]) {
    const refused = await arena.kubectl.run(
      `run careless --image=example.com/careless:1 --dry-run=server -n ${namespace}`,
    );
    assert.match(refused.stderr, /violates PodSecurity "restricted/, namespace);
  }
  const members = await arena.pods(NAMESPACE, `mcpcluster.io/cluster=${SAMPLE}`);
  assert.equal(members.length, 3);
  const operators = await arena.pods(OPERATOR_NAMESPACE, OPERATOR_PODS);
  for (const pod of [...members, ...operators]) {
    const { containers = [], initContainers = [] } = pod.spec as Record<string, Container[]>;
    const ours = [...containers, ...initContainers].filter(({ name }) => name !== 'server');
    assert.ok(ours.length > 0);
    for (const { name, securityContext } of ours)
      assert.equal(securityContext?.readOnlyRootFilesystem, true, name);
  }
  // The kubelet would have mounted it there.
  const tokens = '/var/run/secrets/kubernetes.io/serviceaccount';
  const mounts = members.flatMap((pod) =>
    (pod.spec as unknown as { containers: Container[] }).containers.flatMap(
      ({ volumeMounts = [] }) => volumeMounts.map(({ mountPath }) => mountPath),
    ),
  );
  assert.ok(!mounts.includes(tokens));
});

const metrics = scenario(verifies('nodes.metrics'), async (arena: NodesArena) => {
  const leader = await arena.operatorLeader();
  const operator = await eventually(
    'the metrics of the cluster',
    async () => {
      const text = await arena.metricsOf(OPERATOR_NAMESPACE, leader);
      return text.includes(`name="${SAMPLE}"`) && text;
    },
    20_000,
  );
  const names = exportedNames(operator);
  for (const name of ['controller_runtime_reconcile_total', 'mcp_cluster_info', 'workqueue_depth'])
    assert.ok(names.has(name), `${leader} does not export ${name}`);
  for (const ordinal of [0, 1, 2]) {
    const text = await arena.metricsOf(NAMESPACE, `${SAMPLE}-${ordinal}`);
    assert.ok(exportedNames(text).size > 50, text.slice(0, 500));
    assert.match(text, /^mcp_cluster_raft_term\S* [1-9]/m);
  }
});

/** The release with another image: two new operators, then every pod with the sidecar of that image. */
export const upgrade: Scenario<NodesArena> = {
  ...scenario(verifies('nodes.upgrade'), async (arena: NodesArena) => {
    await whole(arena);
    const url = await arena.url(SAMPLE);
    const sessions = await Promise.all([1, 2, 3].map(() => openBusySession(url)));
    await Promise.all(sessions.map((session) => moreCalls(session)));
    const before = await podUids(arena);
    const next = arena.options.nextImage ?? '';
    await arena.install(next);
    await eventually(
      'three pods with the other sidecar',
      async () => {
        const now = await podUids(arena);
        return now.length === 3 && now.every((uid) => !before.includes(uid));
      },
      120_000,
    );
    await whole(arena);
    await Promise.all(sessions.map((session) => moreCalls(session, 20)));
    for (const session of sessions) console.log(await assertSurvived(session, Infinity));
    const members = await arena.pods(NAMESPACE, `mcpcluster.io/cluster=${SAMPLE}`);
    for (const { spec } of members) assert.ok(JSON.stringify(spec).includes(`"${next}"`));
    const deployment = { namespace: OPERATOR_NAMESPACE, name: RELEASE };
    const found = await arena.client.get(RESOURCES.deployments, deployment);
    assert.ok(JSON.stringify(found?.['spec']).includes(`"${next}"`));
  }),
  timeoutMs: 240_000,
};

export const installationScenarios = [install];
export const runningScenarios = [restricted, metrics];
