/** Policies from a McpCluster to its members, at a real API server with real StatefulSets and fake sidecars. */
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { RESOURCES } from '../../src/kube/index.ts';
import { MCP_CLUSTERS, type McpCluster } from '../../src/api/index.ts';
import { eventually } from '../eventually.ts';
import type { Pod } from '../../src/operator/core/index.ts';
import { verifies } from '../requirements.ts';
import { condition, isCalm, NAME, openBench, type Bench } from './bench.ts';
import { skip, startRealApi, type RealApi } from './real-api.ts';

const secretKeyRef = { name: 'callers', key: 'tokens' };
const tokenFile = { name: 'file', tokenFile: { secretKeyRef } };
const tokenReview = { name: 'pods', tokenReview: { audiences: ['tools'] } };

const isReconciled = (cluster: McpCluster): boolean =>
  isCalm(cluster) &&
  condition(cluster, 'Reconciled')?.status === 'True' &&
  cluster.status?.observedGeneration === cluster.metadata.generation;
const isWrong =
  (reason: string) =>
  (cluster: McpCluster): boolean =>
    condition(cluster, 'Reconciled')?.reason === reason;

void suite('policies at a real API server', { skip }, () => {
  let api: RealApi;
  before(async () => {
    api = await startRealApi(true);
  });
  after(() => api?.stop());

  const secret = (b: Bench, data: Record<string, string>) =>
    api.client.create(RESOURCES.secrets, {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { namespace: b.namespace, name: secretKeyRef.name },
      stringData: data,
    });

  test(verifies('operator.policies-live'), async (t) => {
    const b = await openBench(api, t);
    await b.create();
    await b.until('calm', isReconciled);
    const pods = [...b.pods.started];
    await b.patch({
      loadBalancing: { strategy: 'RoundRobin', weights: [{ pod: 'tools-0', weight: 2 }] },
      bulkheads: [{ name: 'slow', match: { tools: ['slow'] }, maxConcurrent: 4 }],
    });
    const policies = await eventually('the members to be told', () => {
      const last = b.pods.configurations.at(-1);
      const { gateway } = JSON.parse(last?.config ?? '{"gateway":{}}');
      return gateway.policies?.bulkheads.length === 1 ? gateway.policies : undefined;
    });
    assert.equal(policies.loadBalancing.strategy, 'RoundRobin');
    assert.deepEqual(policies.loadBalancing.weights, { 'tools-0': 2 });
    await b.until('calm again', isReconciled);
    assert.deepEqual(b.pods.started, pods, 'no pod was replaced');
  });

  test('a configuration that members refuse is a condition with their words', async (t) => {
    const b = await openBench(api, t);
    b.pods.refuses = '/gateway/policies/auth/onlyFrom: unknown field';
    await b.create();
    const cluster = await b.until('the refusal to be told', isWrong('ConfigurationRefused'));
    assert.match(
      condition(cluster, 'Reconciled')?.message ?? '',
      /^members refused the configuration: .*onlyFrom: unknown field/,
    );
    b.pods.refuses = undefined;
    await b.until('the members to take it', isReconciled);
  });

  test(verifies('operator.config-errors'), async (t) => {
    const b = await openBench(api, t);
    await b.create();
    await b.until('calm', isReconciled);
    const backend = { ready: true, problem: '', toolsKnown: true, tools: ['echo'] };
    const policyProblems = [{ field: 'bulkheads[0].maxWait', sentence: 'nobody can wait so long' }];
    b.pods.overrides.set('tools-1', { backend, policyProblems });
    await b.patch({
      bulkheads: [{ name: 'slow', match: { tools: ['echo', 'slow'] }, maxConcurrent: 4 }],
      loadBalancing: { capabilities: [{ tool: 'echo', requires: ['gpu'] }] },
    });
    const all = (now: McpCluster): boolean =>
      ['CapabilityMissing', 'UnknownTool', 'PolicyUnusable'].includes(
        condition(now, 'Reconciled')?.reason ?? '',
      ) && condition(now, 'Reconciled')?.message?.split(' | ').length === 3;
    const told = await b.until('all of it', all);
    const { message = '' } = condition(told, 'Reconciled') ?? {};
    assert.match(message, /spec\.loadBalancing\.capabilities\[0\]\.requires: no pod has gpu/);
    assert.match(
      message,
      /spec\.bulkheads\[0\]\.match\.tools\[1\]: the server lists no tool "slow"/,
    );
    assert.match(message, /spec\.bulkheads\[0\]\.maxWait: nobody can wait so long/);
    assert.equal(condition(told, 'Available')?.status, 'True', 'the rest is in force');
    b.pods.overrides.clear();
    await b.patch({ bulkheads: [], loadBalancing: { capabilities: [] } });
    await b.until('calm again', isReconciled);
  });

  test(verifies('operator.auth-order'), async (t) => {
    const b = await openBench(api, t);
    await b.create();
    await b.until('calm', isReconciled);
    await secret(b, { tokens: 'a-token-of-some-length team\n' });
    await b.patch({ gateway: { auth: { providers: [tokenFile] } } });
    const { generation: patched } = (await b.cluster()).metadata;
    await eventually(
      'the members to be told',
      () => b.pods.configurations.some(({ generation }) => generation === patched),
      30_000,
    );
    // A pod that is made and does not run yet has them, too.
    const { items } = await api.client.list<Pod>(RESOURCES.pods, { namespace: b.namespace });
    const lacking = items.filter(
      ({ spec }) => !spec?.volumes?.some(({ name }) => name.startsWith('sidecar-auth-')),
    );
    assert.deepEqual(
      lacking.map(({ metadata }) => metadata.name),
      [],
      'every pod has the tokens before',
    );
    await b.until('calm again', isReconciled);
  });

  test(verifies('operator.spec-problems'), async (t) => {
    const b = await openBench(api, t);
    await b.create({ gateway: { auth: { providers: [tokenFile] } } });
    const cluster = await b.until('the missing Secret to be named', isWrong('SecretMissing'));
    assert.match(
      condition(cluster, 'Reconciled')?.message ?? '',
      /^spec\.gateway\.auth\.providers\[0\]\.tokenFile\.secretKeyRef: there is no Secret callers with a key tokens/,
    );
    await secret(b, { tokens: '' });
    await b.until('the Secret to be found', isReconciled);

    await b.patch({
      gateway: { auth: { providers: [tokenReview] } },
      loadBalancing: { capabilities: [{ tool: 'render', requires: ['gpu'] }] },
    });
    const forbidden = await b.until('both to be named', isWrong('TokenReviewForbidden'));
    const { message } = condition(forbidden, 'Reconciled') ?? { message: '' };
    assert.match(message, /providers\[0\]\.tokenReview: .*system:auth-delegator/);
    assert.match(message, /capabilities\[0\]\.requires: no pod has gpu/);
    await api.client.create(RESOURCES.clusterRoles, {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRole',
      metadata: { name: `${b.namespace}-reviewer` },
      rules: [
        { apiGroups: ['authentication.k8s.io'], resources: ['tokenreviews'], verbs: ['create'] },
      ],
    });
    await api.client.create(RESOURCES.clusterRoleBindings, {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: { name: `${b.namespace}-reviewer` },
      roleRef: {
        apiGroup: 'rbac.authorization.k8s.io',
        kind: 'ClusterRole',
        name: `${b.namespace}-reviewer`,
      },
      subjects: [{ kind: 'ServiceAccount', name: NAME, namespace: b.namespace }],
    });
    await b.until('only the capability to be named', isWrong('CapabilityMissing'));
    await api.client.patch(
      RESOURCES.pods,
      { namespace: b.namespace, name: 'tools-1' },
      {
        type: 'merge',
        body: { metadata: { annotations: { 'mcpcluster.io/capabilities': 'cpu,gpu' } } },
      },
    );
    await b.until('nothing to be wrong', isReconciled);
  });

  test(verifies('operator.request-state-key'), async (t) => {
    const b = await openBench(api, t);
    const requestStateKey = { env: 'KEY', acceptedEnv: 'NEXT_KEY' };
    await b.create({ server: { image: 'x', port: 3001, requestStateKey } });
    await b.until('calm', isReconciled);
    const read = async () => {
      const found = await b.read(RESOURCES.secrets, 'tools-request-state');
      return (found?.['data'] ?? {}) as { key?: string; accepted?: string };
    };
    const before = await read();
    assert.equal(Buffer.from(before.key ?? '', 'base64').length, 43, '32 bytes in base64url');
    assert.equal(before.accepted, undefined);
    const started = b.pods.started.length;
    await api.client.patch(
      MCP_CLUSTERS,
      { namespace: b.namespace, name: NAME },
      {
        type: 'merge',
        body: { metadata: { annotations: { 'mcpcluster.io/rotate-request-state-key': '1' } } },
      },
    );
    const announced = await eventually('the next key to be accepted', async () => {
      const now = await read();
      return now.accepted === undefined ? undefined : now;
    });
    assert.equal(announced.key, before.key, 'signed as before');
    const seen: number[] = [];
    const signed = await eventually(
      'the next key to be signed with',
      async () => {
        seen.push(b.pods.started.length);
        const now = await read();
        return now.key === before.key ? undefined : now;
      },
      30_000,
    );
    assert.ok((seen.at(-1) ?? 0) >= started + 3, 'every pod accepted it before');
    assert.deepEqual(signed, { key: announced.accepted, accepted: before.key });
    await eventually(
      'every pod to sign with it',
      () => b.pods.started.length >= started + 6,
      30_000,
    );
    await b.until('calm again', isReconciled);
    assert.equal(b.pods.leastAlive() >= 2, true);
  });
});
