/** The chart as the real helm renders it, without an API server. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { load } from 'js-yaml';
import {
  chartFolder,
  findHelm,
  helm as runHelm,
  operatorYaml,
  renderChart,
  type Manifest,
} from '../../deploy/helm.ts';
import { mcpClusterCrd } from '../../src/api/index.ts';
import { verifies } from '../requirements.ts';

const helm = findHelm() ?? '';
const skip = helm === '' ? 'no helm in $HELM, $KUBEBUILDER_ASSETS or $PATH' : false;
const CI = join(chartFolder, 'ci');
const FEATURES = readdirSync(CI).map((file) => file.replace(/-values\.yaml$/, ''));

const render = (feature: string): Promise<Manifest[]> =>
  renderChart(helm, ['-f', join(CI, `${feature}-values.yaml`)]);

/** The objects of a kind, with everything in them. */
function ofKind(objects: readonly Manifest[], kind: string): Record<string, never>[] {
  return objects.filter((one) => one.kind === kind) as unknown as Record<string, never>[];
}

interface Container {
  readonly image: string;
  readonly args: readonly string[];
}
interface PodSpec {
  readonly containers: readonly [Container];
  readonly topologySpreadConstraints?: readonly { readonly topologyKey: string }[];
}

function podSpec(objects: readonly Manifest[]): PodSpec {
  const [deployment] = ofKind(objects, 'Deployment') as unknown as [
    { spec: { template: { spec: PodSpec } } },
  ];
  return deployment.spec.template.spec;
}

const kinds = (objects: readonly Manifest[]): string[] =>
  objects.map(({ kind, metadata: { namespace, name } }) =>
    [kind, ...(namespace === undefined ? [] : [namespace]), name].join(' '),
  );

/** What each file of `ci/` is there to show. */
const SHOWN: Readonly<Record<string, (objects: Manifest[]) => void>> = {
  defaults(objects) {
    assert.deepEqual(kinds(objects).sort(), [
      'ClusterRole mcp-cluster-operator',
      'ClusterRoleBinding mcp-cluster-operator',
      'CustomResourceDefinition mcpclusters.mcpcluster.io',
      'Deployment mcp-cluster-system mcp-cluster-operator',
      'NetworkPolicy mcp-cluster-system mcp-cluster-operator',
      'Role mcp-cluster-system mcp-cluster-operator-leader-election',
      'Role mcp-cluster-system mcp-cluster-operator-serving',
      'RoleBinding mcp-cluster-system mcp-cluster-operator-leader-election',
      'RoleBinding mcp-cluster-system mcp-cluster-operator-serving',
      'Service mcp-cluster-system mcp-cluster-operator',
      'ServiceAccount mcp-cluster-system mcp-cluster-operator',
    ]);
    const { annotations } = load(readFileSync(join(chartFolder, 'Chart.yaml'), 'utf8')) as {
      annotations: Record<string, string>;
    };
    const [listed] = load(annotations['artifacthub.io/images'] ?? '') as [{ image: string }];
    assert.equal(podSpec(objects).containers[0].image, listed.image);
  },
  namespaced(objects) {
    const roles = kinds(objects).filter((one) => one.includes('Role '));
    assert.deepEqual(roles, [
      'ClusterRole mcp-cluster-operator',
      'Role mcp-cluster-system mcp-cluster-operator-leader-election',
      'Role team-a mcp-cluster-operator',
      'Role team-b mcp-cluster-operator',
      'Role mcp-cluster-system mcp-cluster-operator-serving',
    ]);
    const [{ rules }] = ofKind(objects, 'ClusterRole') as unknown as [
      { rules: { resources: string[] }[] },
    ];
    const NAMESPACELESS = new Set([
      'subjectaccessreviews',
      'tokenreviews',
      'nodes',
      'storageclasses',
    ]);
    assert.ok(rules.every(({ resources }) => resources.every((one) => NAMESPACELESS.has(one))));
    assert.ok(podSpec(objects).containers[0].args.includes('--watch-namespaces=team-a,team-b'));
  },
  'namespaced-only'(objects) {
    assert.deepEqual(
      kinds(objects).filter((one) => one.startsWith('Cluster')),
      [],
    );
  },
  available(objects) {
    assert.equal(ofKind(objects, 'PodDisruptionBudget').length, 1);
    assert.deepEqual(
      podSpec(objects).topologySpreadConstraints?.map(({ topologyKey }) => topologyKey),
      ['kubernetes.io/hostname', 'topology.kubernetes.io/zone'],
    );
  },
  alone(objects) {
    assert.ok(podSpec(objects).containers[0].args.includes('--no-leader-elect'));
    assert.ok(!kinds(objects).some((one) => one.includes('leader-election')));
  },
  image(objects) {
    const { image, args } = podSpec(objects).containers[0];
    assert.equal(
      image,
      `registry.example.com:5000/mirror/mcp-cluster@sha256:${'0123456789abcdef'.repeat(4)}`,
    );
    assert.ok(args.includes('--sidecar-image=registry.example.com:5000/mirror/mcp-cluster:0.1.0'));
  },
  scheduling(objects) {
    const all = objects.filter(
      ({ metadata }) => metadata.labels?.['example.com/owner'] === 'platform',
    );
    assert.equal(all.length, objects.length, 'commonLabels are on every object');
    assert.deepEqual(Object.keys(podSpec(objects)).sort(), [
      'affinity',
      'automountServiceAccountToken',
      'containers',
      'nodeSelector',
      'securityContext',
      'serviceAccountName',
      'tolerations',
      'topologySpreadConstraints',
      'volumes',
    ]);
  },
  'network-policy'(objects) {
    const [{ spec }] = ofKind(objects, 'NetworkPolicy') as unknown as [
      { spec: { policyTypes: string[]; egress: unknown[] } },
    ];
    assert.deepEqual(spec.policyTypes, ['Ingress', 'Egress']);
    assert.equal(spec.egress.length, 3);
  },
  monitoring(objects) {
    const monitors = ofKind(objects, 'PodMonitor') as unknown as Manifest[];
    assert.deepEqual(
      monitors.map(({ metadata }) => [metadata.name, metadata.labels?.['release']]),
      [
        ['mcp-cluster-operator', 'kube-prometheus-stack'],
        ['mcp-cluster-operator-clusters', 'kube-prometheus-stack'],
      ],
    );
    assert.equal(ofKind(objects, 'PrometheusRule').length, 1);
    const dashboards = ofKind(objects, 'ConfigMap') as unknown as (Manifest & {
      data: Record<string, string>;
    })[];
    assert.deepEqual(dashboards.flatMap(({ data }) => Object.keys(data)).sort(), [
      'mcp-cluster.json',
      'mcp-operator.json',
      'mcp-sessions.json',
    ]);
    for (const { metadata, data } of dashboards) {
      assert.equal(metadata.labels?.['grafana_dashboard'], '1');
      for (const json of Object.values(data)) JSON.parse(json);
    }
  },
  'service-monitor'(objects) {
    const monitors = kinds(objects).filter((one) => one.includes('Monitor '));
    assert.deepEqual(monitors, [
      'PodMonitor mcp-cluster-system mcp-cluster-operator-clusters',
      'ServiceMonitor mcp-cluster-system mcp-cluster-operator',
    ]);
  },
  'by-administrator'(objects) {
    assert.deepEqual(kinds(objects), [
      'NetworkPolicy mcp-cluster-system mcp-cluster-operator',
      'Service mcp-cluster-system mcp-cluster-operator',
      'Deployment mcp-cluster-system mcp-cluster-operator',
    ]);
  },
  webhook(objects) {
    const found = ofKind(objects, 'ValidatingWebhookConfiguration') as unknown as [
      { webhooks: [Record<string, unknown> & { rules: [{ resources: string[] }] }] },
    ];
    const [webhook] = found[0].webhooks;
    assert.deepEqual(
      [webhook['failurePolicy'], webhook['sideEffects'], webhook['timeoutSeconds']],
      ['Fail', 'None', 10],
    );
    assert.deepEqual(webhook.rules[0].resources, ['mcpclusters']);
    const key = 'kubernetes.io/metadata.name';
    assert.deepEqual(webhook['namespaceSelector'], {
      matchExpressions: [
        { key, operator: 'NotIn', values: ['kube-system'] },
        { key, operator: 'In', values: ['team-a'] },
      ],
    });
    const { args } = podSpec(objects).containers[0];
    assert.ok(args.includes('--webhook-configuration=mcp-cluster-operator'));
  },
  'cert-manager'(objects) {
    const [{ rules }] = ofKind(objects, 'ClusterRole') as unknown as [
      { rules: { apiGroups: string[]; resources: string[] }[] },
    ];
    const theirs = rules.filter(({ apiGroups }) => apiGroups.includes('cert-manager.io'));
    assert.deepEqual(
      theirs.flatMap(({ resources }) => resources),
      ['certificaterequests', 'issuers', 'clusterissuers'],
    );
  },
  'user-roles'(objects) {
    const aggregated = objects.filter(
      ({ metadata }) => metadata.labels?.['rbac.authorization.k8s.io/aggregate-to-edit'] === 'true',
    );
    assert.equal(aggregated.length, 2);
    const definition = objects.find(({ kind }) => kind === 'CustomResourceDefinition');
    assert.equal(definition?.metadata.annotations, undefined);
  },
};

/** A value that the schema does not take, and what helm must say of it. One helm run asks about a whole column. */
const WRONG_VALUES: readonly (readonly (readonly [value: string, says: RegExp])[])[] = [
  [
    ['replica=2', /additional properties 'replica' not allowed/],
    ['replicas=0', /'\/replicas': minimum: got 0, want 1/],
    ['watchNamespaces=team-a', /'\/watchNamespaces': got string, want array/],
    ['image.repository=', /'\/image\/repository': minLength/],
    ['image.tag=a b', /'\/image\/tag': .* does not match/],
    ['image.digest=sha256:12', /'\/image\/digest': .* does not match/],
    ['image.pullPolicy=Sometimes', /'\/image\/pullPolicy': value must be one of/],
    ['imagePullSecrets={mirror}', /'\/imagePullSecrets\/0': got string, want object/],
    ['logLevel=trace', /'\/logLevel': value must be one of/],
    ['crds.install=true', /'\/crds': additional properties 'install' not allowed/],
    ['rbac.create=maybe', /'\/rbac\/create': got string, want boolean/],
    ['monitoring.rules=yes', /'\/monitoring\/rules': value must be one of/],
    ['monitoring.interval=soon', /'\/monitoring\/interval': 'soon' does not match/],
    ['tolerations={all}', /'\/tolerations\/0': got string, want object/],
    ['podDisruptionBudget.maxUnavailable=0', /'\/podDisruptionBudget\/maxUnavailable'/],
    ['webhook.timeoutSeconds=30', /'\/webhook\/timeoutSeconds': maximum: got 30, want 10/],
    ['nodeSelector.gpu=1', /'\/nodeSelector\/gpu': got number, want string/],
  ],
  [
    ['replicas=9', /'\/replicas': maximum: got 9, want 5/],
    ['watchNamespaces={Team_A}', /'\/watchNamespaces\/0': 'Team_A' does not match/],
    ['image.repository=example.com/a:1', /'\/image\/repository': .* does not match/],
    ['imagePullSecrets[0].nam=x', /'\/imagePullSecrets\/0': missing property 'name'/],
  ],
  [
    ['replicas=two', /'\/replicas': got string, want integer/],
    ['watchNamespaces={a,a}', /'\/watchNamespaces': items at 0 and 1 are equal/],
  ],
];

/** Values that are right one by one and contradict each other. */
const CONTRADICTIONS: readonly (readonly [says: RegExp, ...values: string[]])[] = [
  [
    /replicas: 2 needs leaderElection\.enabled: true/,
    ...['replicas=2', 'leaderElection.enabled=false'],
  ],
  [/serviceAccount\.create: false needs serviceAccount\.name/, 'serviceAccount.create=false'],
  [/rbac\.clusterScoped: false needs watchNamespaces/, 'rbac.clusterScoped=false'],
  [
    /networkPolicy\.egress needs networkPolicy\.enabled: true/,
    ...['networkPolicy.enabled=false', 'networkPolicy.egress[0].ports[0].port=53'],
  ],
  [
    /networkPolicy\.metricsFrom needs networkPolicy\.enabled: true/,
    ...['networkPolicy.enabled=false', 'networkPolicy.metricsFrom[0].podSelector.a=b'],
  ],
  [
    /monitoring\.podMonitor and monitoring\.serviceMonitor are both true/,
    ...['monitoring.podMonitor=true', 'monitoring.serviceMonitor=true'],
  ],
  [
    /podLabels: the chart itself sets the label app\.kubernetes\.io\/name/,
    String.raw`podLabels.app\.kubernetes\.io/name=x`,
  ],
  [
    /webhook\.enabled: true needs rbac\.clusterScoped: true/,
    ...['webhook.enabled=true', 'watchNamespaces={a}', 'rbac.clusterScoped=false'],
  ],
  [/rbac\.aggregate: true needs rbac\.create/, ...['rbac.create=false', 'rbac.aggregate=true']],
];

/** What helm says of these values. */
async function complaint(values: readonly string[]): Promise<string> {
  const args = values.flatMap((value) => ['--set', value]);
  const error = await renderChart(helm, args).then(
    () => assert.fail(`${values.join(' ')} was taken`),
    (reason: Error) => reason,
  );
  return error.message;
}

void suite('chart', { skip }, () => {
  test(verifies('chart.lint'), async () => {
    for (const feature of ['defaults', 'scheduling', 'monitoring']) {
      const values = join(CI, `${feature}-values.yaml`);
      await runHelm(helm, ['lint', '--strict', '--quiet', chartFolder, '-f', values]);
    }
  });

  test(verifies('chart.features'), async (t) => {
    assert.deepEqual(FEATURES.sort(), Object.keys(SHOWN).sort());
    for (const [feature, check] of Object.entries(SHOWN)) {
      await t.test(feature, async () => check(await render(feature)));
    }
  });

  test(verifies('chart.refusals'), async (t) => {
    for (const column of WRONG_VALUES) {
      const said = await complaint(column.map(([value]) => value));
      for (const [value, says] of column) await t.test(value, () => assert.match(said, says));
    }
    for (const [says, ...values] of CONTRADICTIONS) {
      await t.test(values.join(' '), async () => assert.match(await complaint(values), says));
    }
  });

  test(verifies('chart.kubernetes-versions'), async () => {
    const old = renderChart(helm, ['--kube-version', '1.28.15']);
    await assert.rejects(old, /requires kubeVersion: >=1\.29/);
    const suffixed = await renderChart(helm, ['--kube-version', 'v1.29.1-gke.100']);
    assert.equal(ofKind(suffixed, 'Deployment').length, 1);
  });

  test(verifies('chart.plain-manifests'), async () => {
    const committed = readFileSync(new URL('../../deploy/operator.yaml', import.meta.url), 'utf8');
    assert.equal(committed, await operatorYaml(helm), 'stale: run npm run generate where helm is');
  });

  test(verifies('chart.definitions'), async () => {
    const definition = (await render('defaults')).find(
      ({ kind }) => kind === 'CustomResourceDefinition',
    ) as Manifest & { spec: unknown };
    assert.deepEqual(definition.metadata.annotations, { 'helm.sh/resource-policy': 'keep' });
    // What the schema says of large numbers and empty texts must survive two parsers.
    assert.deepEqual(definition.spec, JSON.parse(JSON.stringify(mcpClusterCrd().spec)));
  });

  test(verifies('chart.monitors-by-capability'), async () => {
    const apis = ['PodMonitor', 'PrometheusRule'].flatMap((kind) => [
      '--api-versions',
      `monitoring.coreos.com/v1/${kind}`,
    ]);
    const made = kinds(await renderChart(helm, apis)).filter((one) => /Monitor|Rule/.test(one));
    assert.ok(made.includes('PodMonitor mcp-cluster-system mcp-cluster-operator'));
    assert.ok(made.includes('PodMonitor mcp-cluster-system mcp-cluster-operator-clusters'));
    assert.ok(made.includes('PrometheusRule mcp-cluster-system mcp-cluster-operator'));
    const off = ['podMonitor', 'clusters', 'rules'].flatMap((one) => [
      '--set',
      `monitoring.${one}=false`,
    ]);
    const without = kinds(await renderChart(helm, [...apis, ...off]));
    assert.ok(!without.some((one) => /Monitor|PrometheusRule/.test(one)));
  });
});
