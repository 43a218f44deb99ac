/** A McpCluster becomes a running cluster, and people see it: objects, status, kubectl on live pods, scaling, deletion. */
import assert from 'node:assert/strict';
import { RESOURCES, type KubeObject, type ResourceType } from '../../../src/kube/index.ts';
import { eventually } from '../../eventually.ts';
import { verifies } from '../../requirements.ts';
import { readSample, type Arena } from '../arena.ts';
import type { LaptopArena } from '../laptop.ts';
import { NAMESPACE } from '../manifests.ts';
import { kubectlScenario, scenario } from '../scenario.ts';
import { assertSurvived, moreCalls, openBusySession } from '../sessions.ts';

/** The cluster of the sample, shared by the scenarios that follow. */
export const SAMPLE = 'everything';

/** Until all three pods run and serve, as the kubelet and the cluster itself see it. */
export async function whole(arena: Arena, timeoutMs = 60_000): Promise<void> {
  await eventually(
    'three whole pods',
    async () => {
      const { metadata, status = {} } = await arena.get(SAMPLE);
      const { readyReplicas, members = [], conditions = [], observedGeneration } = status;
      // Pods that are whole may be about to be replaced.
      const isAtRest =
        observedGeneration === metadata.generation &&
        conditions.some(({ type, status: state }) => type === 'Progressing' && state === 'False');
      const isHealthy = members.every(({ health, ready }) => ready && health === 'Alive');
      if (!isAtRest || readyReplicas !== 3 || members.length !== 3 || !isHealthy) return false;
      const running = members.map(({ name }) => arena.isRunning(name));
      return (await Promise.all(running)).every(Boolean);
    },
    timeoutMs,
  );
}

const available = scenario(
  'apply the sample: Available, with everything it is made of',
  async (arena) => {
    await arena.apply(...(await readSample(arena)));
    const { metadata, spec, status } = await arena.condition(SAMPLE, 'Available');
    assert.equal(spec.replicas, 3);
    assert.equal(status?.observedGeneration, metadata.generation);
    await eventually('three ready members', async () => {
      const { members = [] } = (await arena.get(SAMPLE)).status ?? {};
      return members.length === 3 && members.every(({ ready }) => ready);
    });
    const now = (await arena.get(SAMPLE)).status;
    assert.match(now?.leader ?? '', /^everything-[012]$/);
    assert.equal(now?.voters, 3);
    await assertParts(arena, metadata.uid);
    assert.deepEqual(await warnings(arena, metadata.uid), [], 'a healthy start is no problem');
  },
);

/** What the operator has warned of about the McpCluster with this uid, as `reason: note`. */
export async function warnings({ client }: Arena, uid: string): Promise<string[]> {
  const { items } = await client.list(RESOURCES.events, { namespace: NAMESPACE });
  return items
    .filter((event) => (event['regarding'] as { uid?: string }).uid === uid)
    .filter((event) => event['type'] === 'Warning')
    .map((event) => `${String(event['reason'])}: ${String(event['note'])}`);
}

async function assertParts({ client }: Arena, uid: string): Promise<void> {
  const read = async (type: ResourceType, name: string): Promise<Record<string, unknown>> => {
    const object = await client.get(type, { namespace: NAMESPACE, name });
    assert.ok(object, `there is no ${type.kind} ${name}`);
    assert.equal(object.metadata.ownerReferences?.[0]?.uid, uid, `${name} is not ours`);
    return object;
  };
  const set = (await read(RESOURCES.statefulSets, SAMPLE))['spec'] as Record<string, unknown>;
  assert.equal(set['podManagementPolicy'], 'Parallel');
  assert.deepEqual((set['updateStrategy'] as { type: string }).type, 'OnDelete');
  const peers = (await read(RESOURCES.services, `${SAMPLE}-peers`))['spec'] as Record<
    string,
    unknown
  >;
  assert.equal(peers['clusterIP'], 'None');
  assert.equal(peers['publishNotReadyAddresses'], true);
  const service = (await read(RESOURCES.services, SAMPLE))['spec'] as Record<string, unknown>;
  assert.equal(service['selector'], undefined, 'the client Service is ours');
  await read(RESOURCES.configMaps, `${SAMPLE}-config`);
  await read(RESOURCES.secrets, `${SAMPLE}-ca`);
  const trust = (await read(RESOURCES.configMaps, `${SAMPLE}-trust`))['data'];
  assert.deepEqual(Object.keys(trust as object).sort(), [
    ...['ca.crt', 'cluster-id', 'operator-ca.crt', 'operator-url'],
  ]);
  const { items: budgets } = await client.list(RESOURCES.podDisruptionBudgets, {
    namespace: NAMESPACE,
  });
  assert.ok(budgets.some((item) => item.metadata.ownerReferences?.[0]?.uid === uid));
}

const keys = scenario(verifies('identity.no-key-in-a-secret'), async ({ client }) => {
  const { items } = await client.list(RESOURCES.secrets);
  const holders = items.flatMap(({ metadata, ...secret }) => {
    const values = Object.values((secret['data'] ?? {}) as Record<string, string>);
    const holdsKey = values.some((value) =>
      Buffer.from(value, 'base64').toString('latin1').includes('PRIVATE KEY'),
    );
    return holdsKey ? [metadata.name ?? ''] : [];
  });
  assert.ok(holders.includes(`${SAMPLE}-ca`), holders.join());
  assert.deepEqual(
    holders.filter((name) => !name.endsWith('-ca') && !name.endsWith('-serving-authority')),
    [],
  );
});

const spread = scenario(
  'pods are spread over the zones and have volumes of their own',
  async ({ client }) => {
    const { items } = await client.list(RESOURCES.pods, { namespace: NAMESPACE });
    const pods = items.filter(({ metadata }) => metadata.name?.startsWith(`${SAMPLE}-`));
    const nodes = pods.map((pod) => (pod['spec'] as { nodeName: string }).nodeName);
    assert.equal(new Set(nodes).size, 3, nodes.join());
    const claims = await client.list(RESOURCES.persistentVolumeClaims, { namespace: NAMESPACE });
    const phases = claims.items.map((claim) => (claim['status'] as { phase?: string }).phase);
    assert.deepEqual(phases, ['Bound', 'Bound', 'Bound']);
  },
);

const tools = scenario(
  'the official client lists and calls tools through the client Service',
  async (arena) => {
    const session = await openBusySession(await arena.url(SAMPLE));
    assert.ok((await session.client.toolNames()).includes('echo'));
    await moreCalls(session, 10);
    await assertSurvived(session, Infinity);
  },
);

const live = kubectlScenario(verifies('api.live-for-people'), async (kubectl) => {
  const [header = '', row = ''] = (await kubectl(`get mcpc ${SAMPLE}`)).split('\n');
  assert.match(header, /^NAME +REPLICAS +READY +LEADER +SESSIONS +PHASE +AGE$/);
  assert.match(row, /^everything +3 +3 +everything-[012] +\d+ +Running +\d+m?s?/);
  assert.match(
    await kubectl(`wait mcpc/${SAMPLE} --for=condition=Available --timeout=30s`),
    /condition met/,
  );
  await kubectl('wait pod -l mcpcluster.io/cluster=everything --for=condition=Ready');
  const pods = await kubectl('get pods');
  assert.match(pods, /^NAME +READY +STATUS +RESTARTS +AGE$/m);
  for (const ordinal of [0, 1, 2]) {
    assert.match(pods, new RegExp(`^everything-${ordinal} +2/2 +Running +\\d+ `, 'm'));
  }
  assert.match(await kubectl('get sts'), /^everything +3\/3 /m);
  assert.match(await kubectl('get svc'), /^everything +ClusterIP +10\.[\d.]+ +<none> +8080\/TCP /m);
  assert.match(await kubectl('get endpointslices'), /^everything[^ ]* +IPv4 +8080 +10\.244\./m);
  assert.match(await kubectl('get pvc'), /Bound/);
  assert.match(await kubectl('get nodes'), /^\S+ +Ready /m);
  assert.match(await kubectl('logs everything-0 -c server'), /\S/);
  assert.match(await kubectl('logs everything-0 -c sidecar --tail=1'), /^\{.*\}$/m);
  const described = await kubectl(`describe mcpc ${SAMPLE}`);
  assert.match(described, /Type: +Available/);
  assert.match(await kubectl('describe pod everything-0'), /sidecar:[\s\S]*server:/);
  assert.match(await kubectl('get events'), /mcpcluster\/everything/i);
});

const repair = scenario('what somebody changed or deleted by hand is put right', async (arena) => {
  const { client } = arena;
  const service = { namespace: NAMESPACE, name: SAMPLE };
  const before = await client.get(RESOURCES.services, service);
  await client.delete(RESOURCES.services, service);
  await client.patch(
    RESOURCES.statefulSets,
    { namespace: NAMESPACE, name: SAMPLE },
    { type: 'merge', body: { spec: { replicas: 2 } } },
  );
  await eventually(
    'the Service and the size to be back',
    async () => {
      const found = await client.get(RESOURCES.services, service);
      const set = await client.get(RESOURCES.statefulSets, service);
      const isNew = found !== undefined && found.metadata.uid !== before?.metadata.uid;
      return isNew && (set?.['spec'] as { replicas?: number } | undefined)?.replicas === 3;
    },
    30_000,
  );
  await whole(arena);
});

const deletion = scenario(
  'delete: everything goes, metrics and all',
  async (arena: LaptopArena) => {
    const { client, cluster } = arena;
    const pods = [0, 1, 2].map((ordinal) => `${SAMPLE}-${ordinal}`);
    await whole(arena);
    const pids = pods.flatMap((pod) =>
      cluster.podProcesses(NAMESPACE, pod).flatMap((container) => container.pids),
    );
    assert.ok(pids.length >= 6, `only ${pids.length} processes`);
    await arena.remove(SAMPLE);
    const kinds = [
      ...[RESOURCES.pods, RESOURCES.statefulSets, RESOURCES.services, RESOURCES.secrets],
      ...[RESOURCES.configMaps, RESOURCES.endpointSlices, RESOURCES.podDisruptionBudgets],
    ];
    await eventually(
      'every object of the cluster to be gone',
      async () => {
        const lists = await Promise.all(
          kinds.map((kind) => client.list(kind, { namespace: NAMESPACE })),
        );
        return lists.every(({ items }) => !items.some((item) => isPartOf(item)));
      },
      60_000,
    );
    await eventually('every process to be gone', () => pids.every((pid) => !isAlive(pid)), 20_000);
    const exported = async (): Promise<string> =>
      (await fetch(`http://${arena.operatorAddress}/metrics`)).text();
    await eventually('the metrics of the cluster to be gone', async () => {
      const text = await exported();
      return text.includes('controller_runtime_') && !text.includes(`name="${SAMPLE}"`);
    });
  },
);

const isPartOf = ({ metadata }: KubeObject): boolean => metadata.name?.startsWith(SAMPLE) === true;

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

export const clusterScenarios = [available, keys, spread, tools, live];
export const changeScenarios = [repair];
export const deletionScenarios = [deletion];
