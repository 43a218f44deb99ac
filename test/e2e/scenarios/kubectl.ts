/** What people do with kubectl works as on any cluster; these need the API only, no running pods. */
import assert from 'node:assert/strict';
import { load } from 'js-yaml';
import { RESOURCES } from '../../../src/kube/index.ts';
import { eventually } from '../../eventually.ts';
import { mcpCluster, NAMESPACE } from '../manifests.ts';
import type { Kubectl } from '../kubectl.ts';
import { kubectlScenario } from '../scenario.ts';

const SPEC = { server: { image: 'example.com/server:1' }, paused: true, replicas: 3 };

/** Applies a paused McpCluster under `name` for the time of `body`. */
async function withResource(
  kubectl: Kubectl,
  name: string,
  body: () => Promise<void>,
): Promise<void> {
  const input = JSON.stringify(mcpCluster(name, SPEC));
  assert.equal(
    (await kubectl('apply -f -', { input })).trim(),
    `mcpcluster.mcpcluster.io/${name} created`,
  );
  try {
    await body();
  } finally {
    await kubectl(`delete mcpcluster ${name} --ignore-not-found`);
  }
}

const discovery = kubectlScenario('api-resources, api-versions, version', async (kubectl) => {
  const lines = (await kubectl('api-resources')).split('\n').map((line) => line.split(/\s+/));
  const row = (name: string): string[] | undefined => lines.find(([first]) => first === name);
  const ours = ['mcpclusters', 'mcpc', 'mcpcluster.io/v1alpha1', 'true', 'McpCluster'];
  assert.deepEqual(row('mcpclusters'), ours);
  assert.deepEqual(row('pods'), ['pods', 'po', 'v1', 'true', 'Pod']);
  assert.deepEqual(row('statefulsets'), ['statefulsets', 'sts', 'apps/v1', 'true', 'StatefulSet']);
  assert.deepEqual(row('nodes'), ['nodes', 'no', 'v1', 'false', 'Node']);
  assert.match(await kubectl('api-versions'), /^mcpcluster\.io\/v1alpha1$/m);
  assert.match(await kubectl('version'), /Server Version: v1\./);
});

const explain = kubectlScenario('explain mcpcluster.spec.server', async (kubectl) => {
  const server = await kubectl('explain mcpcluster.spec.server');
  assert.match(server, /^GROUP: +mcpcluster\.io$/m);
  assert.match(server, /^KIND: +McpCluster$/m);
  assert.match(server, /^FIELD: server <Object>/m);
  assert.match(server, /^ {2}image\t<string> -required-$/m);
  assert.match(server, /The MCP server, unmodified/);
  const nested = await kubectl('explain mcpc.spec.gateway --recursive');
  assert.match(nested, /^ {4}bodyBytes\t<integer>$/m);
  assert.match(await kubectl('explain pod.spec.containers.image'), /<string>/);
  const { code, stderr } = await kubectl.run('explain mcpcluster.spec.nothing');
  assert.equal(code, 1);
  assert.match(stderr, /field "nothing" does not exist/);
});

const get = kubectlScenario('get: table, wide, name, yaml, jsonpath, selectors', (kubectl) =>
  withResource(kubectl, 'shown', async () => {
    const [header = '', row = ''] = (await kubectl('get mcpc')).split('\n');
    assert.match(header, /^NAME +REPLICAS +READY +LEADER +SESSIONS +PHASE +AGE$/);
    assert.match(row, /^shown +3 /);
    assert.match(await kubectl('get mcpc -o wide'), /ENDPOINT +AGE/);
    assert.equal(await kubectl('get mcpc -o name'), 'mcpcluster.mcpcluster.io/shown\n');
    const object = load(await kubectl('get mcpcluster shown -o yaml')) as Record<string, unknown>;
    assert.equal(object['kind'], 'McpCluster');
    assert.equal(JSON.stringify(object).includes('managedFields'), false);
    assert.equal(await kubectl('get mcpc shown -o jsonpath={.spec.gateway.port}'), '8080');
    await kubectl('label mcpc shown tier=gold');
    assert.equal(
      await kubectl('get mcpc -l tier=gold -o name'),
      'mcpcluster.mcpcluster.io/shown\n',
    );
    assert.match(await kubectl('get mcpc -l tier=gold -L tier'), /TIER\nshown .* gold\n/);
    assert.equal(await kubectl('get mcpc -l tier=iron -o name'), '');
    assert.match(await kubectl('get all'), /mcpcluster\.mcpcluster\.io\/shown/);
    const { code, stderr } = await kubectl.run('get mcpc nobody');
    assert.equal(code, 1);
    assert.equal(
      stderr,
      'Error from server (NotFound): mcpclusters.mcpcluster.io "nobody" not found\n',
    );
  }),
);

const watch = kubectlScenario('get -w', (kubectl) =>
  withResource(kubectl, 'watched', async () => {
    const watching = kubectl.start('get mcpc watched -w');
    try {
      await eventually('the first row', () => watching.output().includes('watched'));
      await kubectl('scale mcpc watched --replicas=5');
      await eventually('the changed row', () => /^watched +5 /m.test(watching.output()));
      const heads = watching.output().match(/^NAME/gm) ?? [];
      assert.equal(heads.length, 1, 'the header is printed once');
    } finally {
      await watching.stop();
    }
  }),
);

const apply = kubectlScenario(
  'apply: created, unchanged, configured; server-side, dry run',
  (kubectl) =>
    withResource(kubectl, 'applied', async () => {
      const manifest = (spec: object): string =>
        JSON.stringify(mcpCluster('applied', { ...SPEC, ...spec }));
      const told = async (spec: object, flags = ''): Promise<string> =>
        (await kubectl(`apply ${flags} -f -`, { input: manifest(spec) })).trim();
      const name = 'mcpcluster.mcpcluster.io/applied';
      assert.equal(await told({}), `${name} unchanged`);
      assert.equal(await told({ replicas: 5 }), `${name} configured`);
      assert.equal(await kubectl('get mcpc applied -o jsonpath={.spec.replicas}'), '5');
      const { replicas: _, ...rest } = SPEC;
      const input = JSON.stringify(mcpCluster('applied', rest));
      await kubectl('apply -f -', { input });
      assert.equal(
        await kubectl('get mcpc applied -o jsonpath={.spec.replicas}'),
        '3',
        'a field that is no longer applied has its default again',
      );
      await kubectl(`patch mcpc applied --type merge -p '{"spec":{"replicas":5}}'`);
      const conflict = await kubectl.run('apply --server-side -f -', { input: manifest({}) });
      assert.equal(conflict.code, 1);
      assert.match(conflict.stderr, /conflict with "kubectl-patch".*: \.spec\.replicas/s);
      assert.equal(await told({}, '--server-side --force-conflicts'), `${name} serverside-applied`);
      const dry = await told({ replicas: 7 }, '--dry-run=server');
      assert.match(dry, /\(server dry run\)$/);
      assert.equal(await kubectl('get mcpc applied -o jsonpath={.spec.replicas}'), '3');
    }),
);

const change = kubectlScenario('edit, patch, scale, label, annotate', (kubectl) =>
  withResource(kubectl, 'changed', async () => {
    const field = (path: string): Promise<string> =>
      kubectl(`get mcpc changed -o jsonpath={${path}}`);
    await kubectl('edit mcpc changed', {
      environment: { KUBE_EDITOR: "sed -i 's/idleTimeout: 8h/idleTimeout: 4h/'" },
    });
    assert.equal(await field('.spec.sessions.idleTimeout'), '4h');
    await kubectl(`patch mcpc changed --type merge -p '{"spec":{"sessions":{"max":50}}}'`);
    assert.equal(await field('.spec.sessions.max'), '50');
    const operation = '[{"op":"replace","path":"/spec/gateway/path","value":"/agents"}]';
    await kubectl(`patch mcpc changed --type json -p '${operation}'`);
    assert.equal(await field('.spec.gateway.path'), '/agents');
    assert.match(await kubectl('scale mcpc changed --replicas=5'), /changed scaled/);
    assert.equal(await field('.spec.replicas'), '5');
    assert.equal(await field('.metadata.generation'), '5', 'each change of the spec counts');
    await kubectl('annotate mcpc changed note=kept');
    assert.equal(await field('.metadata.annotations.note'), 'kept');
    assert.equal(await field('.metadata.generation'), '5', 'metadata does not count');
    const wrong = await kubectl.run(
      `patch mcpc changed --type merge -p '{"spec":{"sessions":{"idleTimeout":"soon"}}}'`,
    );
    assert.equal(wrong.code, 1);
    assert.match(wrong.stderr, /"soon" is not a duration/);
    const strategic = await kubectl.run(`patch mcpc changed --type strategic -p '{"spec":{}}'`);
    assert.equal(strategic.code, 1);
    assert.match(strategic.stderr, /not supported|UnsupportedMediaType/);
  }),
);

const status = kubectlScenario('status subresource and wait', (kubectl) =>
  withResource(kubectl, 'awaited', async () => {
    const condition = {
      type: 'Tested',
      status: 'True',
      reason: 'Test',
      message: 'set by a test',
      lastTransitionTime: '2026-01-01T00:00:00Z',
    };
    const waiting = kubectl('wait mcpc/awaited --for=condition=Tested --timeout=20s');
    const patch = JSON.stringify({ status: { conditions: [condition], readyReplicas: 2 } });
    await kubectl(`patch mcpc awaited --type merge -p '${patch}'`);
    assert.equal(
      await kubectl('get mcpc awaited -o jsonpath={.status.readyReplicas}'),
      '',
      'the status is not written with the spec',
    );
    await kubectl(`patch mcpc awaited --subresource status --type merge -p '${patch}'`);
    assert.match(await waiting, /condition met/);
    assert.match(await kubectl('get mcpc awaited'), /awaited +3 +2 /);
    const described = await kubectl('describe mcpc awaited');
    assert.match(described, /Message: +set by a test/);
    assert.match(described, /^Events: /m);
    const late = await kubectl.run('wait mcpc/awaited --for=condition=Never --timeout=1s');
    assert.equal(late.code, 1);
  }),
);

const deletion = kubectlScenario(
  'delete: finalizers, cascade, orphan',
  async (kubectl, { client }) => {
    const owner = (await client.create(RESOURCES.configMaps, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { namespace: NAMESPACE, name: 'owner', finalizers: ['mcpcluster.io/test'] },
    })) as { metadata: { uid?: string } };
    const references = [
      { apiVersion: 'v1', kind: 'ConfigMap', name: 'owner', uid: owner.metadata.uid as string },
    ];
    for (const name of ['owned-1', 'owned-2']) {
      await client.create(RESOURCES.configMaps, {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { namespace: NAMESPACE, name, ownerReferences: references },
      });
    }
    await kubectl('delete configmap owner --wait=false');
    assert.notEqual(await kubectl('get cm owner -o jsonpath={.metadata.deletionTimestamp}'), '');
    assert.match(await kubectl('get cm'), /owned-1/, 'what it owns waits for it');
    await kubectl(`patch cm owner --type merge -p '{"metadata":{"finalizers":null}}'`);
    await eventually(
      'the garbage collector',
      async () => !/own/.test(await kubectl('get cm -o name')),
      30_000,
    );
  },
);

const namespaces = kubectlScenario(
  'create and delete a namespace with what is in it',
  async (kubectl) => {
    assert.equal(await kubectl('create namespace passing'), 'namespace/passing created\n');
    await kubectl('create configmap thing -n passing --from-literal=key=value');
    assert.equal(await kubectl('get cm thing -n passing -o jsonpath={.data.key}'), 'value');
    const input = JSON.stringify(mcpCluster('inside', SPEC)).replace(`"${NAMESPACE}"`, '"passing"');
    await kubectl('apply -n passing -f -', { input });
    assert.match(await kubectl('get mcpc -A'), /^passing +inside /m);
    await kubectl('delete namespace passing --timeout=60s');
    const { stderr } = await kubectl.run('get namespace passing');
    assert.match(stderr, /NotFound/);
    assert.equal(await kubectl('get mcpc -A -o name'), '');
  },
);

const waitingLog = kubectlScenario('logs of a container that waits says why', async (kubectl) => {
  // Where everything else plays, a pod that says nothing of its security is refused.
  await kubectl('run waiting --image=nowhere/nothing:9 -n default');
  const waits =
    /^Error from server \(BadRequest\): container "waiting" in pod "waiting" is waiting to start: (image can't be pulled|trying and failing to pull image)$/m;
  await eventually('the refusal', async () =>
    waits.test((await kubectl.run('logs waiting -n default')).stderr),
  );
  await kubectl('delete pod waiting -n default');
});

export const kubectlScenarios = [
  ...[discovery, explain, get, watch, apply, change, status, deletion, namespaces],
  waitingLog,
];
