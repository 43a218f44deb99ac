/** Who may reach the pods of a cluster: the object that is wanted, and what a real API server keeps of it. */
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { RESOURCES } from '../../src/kube/index.ts';
import { networkPolicy } from '../../src/operator/core/index.ts';
import { eventually } from '../eventually.ts';
import { verifies } from '../requirements.ts';
import { condition, is, isCalm, NAME, openBench, type Bench } from './bench.ts';
import { cluster } from './core/fixtures.ts';
import { skip, startRealApi, type RealApi } from './real-api.ts';

interface Rule {
  readonly ports: readonly { readonly port: number | string; readonly protocol: string }[];
  readonly from?: readonly object[];
}
interface Policy {
  readonly podSelector: object;
  readonly policyTypes: readonly string[];
  readonly ingress: readonly Rule[];
}

const OWN = {
  podSelector: {
    matchLabels: { 'app.kubernetes.io/name': 'mcp-cluster', 'mcpcluster.io/cluster': 'tools' },
  },
};
const OPERATOR = {
  namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'operators' } },
};
const BACKUPS = { podSelector: { matchLabels: { 'mcpcluster.io/backup-of': 'tools' } } };
const specOf = (object: object): Policy => (object as { spec: Policy }).spec;
/** Who may reach a port: everybody, or these. */
const reach = ({ ingress }: Policy, port: number | string): readonly object[] | 'everybody' => {
  const rules = ingress.filter(({ ports }) => ports.some((each) => each.port === port));
  if (rules.some(({ from }) => from === undefined)) return 'everybody';
  return rules.flatMap(({ from = [] }) => from);
};

test(verifies('operator.network-policy'), () => {
  const policy = specOf(networkPolicy(cluster(), 'operators'));
  assert.deepEqual(policy.podSelector, OWN.podSelector);
  assert.deepEqual(policy.policyTypes, ['Ingress']);
  assert.ok(
    policy.ingress.every(({ ports }) => ports.length > 0),
    'a rule without ports opens all',
  );
  assert.equal(reach(policy, 8080), 'everybody');
  assert.equal(reach(policy, 9090), 'everybody');
  assert.deepEqual(reach(policy, 8081), [OWN]);
  assert.deepEqual(reach(policy, 7000), [OWN, OPERATOR, BACKUPS]);
  assert.deepEqual(reach(policy, cluster().spec.server.port), []);
  assert.equal(reach(specOf(networkPolicy(cluster())), 7000), 'everybody');
  const clients = [{ namespaceSelector: {} }];
  const ingress = [{ ports: [{ port: 'debug', protocol: 'TCP' as const }] }];
  const wished = cluster({ networkPolicy: { enabled: true, clients, ingress } });
  assert.deepEqual(reach(specOf(networkPolicy(wished)), 8080), clients);
  assert.equal(reach(specOf(networkPolicy(wished)), 'debug'), 'everybody');
});

void suite('NetworkPolicies at a real API server', { skip }, () => {
  let api: RealApi;
  before(async () => {
    api = await startRealApi(true);
  });
  after(() => api?.stop());
  const read = async (b: Bench): Promise<Policy | undefined> => {
    const object = await b.read(RESOURCES.networkPolicies, NAME);
    return object && specOf(object);
  };

  test(verifies('operator.network-policy-kept'), async (t) => {
    const b = await openBench(api, t);
    await b.create();
    await b.until('calm', isCalm);
    assert.deepEqual(await read(b), specOf(networkPolicy(await b.cluster())));
    const ref = { namespace: b.namespace, name: NAME };
    // What the object-API of client-node once sent: rules without their peers.
    const body = { spec: { ingress: [{}] } };
    await api.client.patch(RESOURCES.networkPolicies, ref, { type: 'merge', body });
    await eventually('the policy as before', async () => (await read(b))?.ingress.length === 4);
    assert.deepEqual(reach((await read(b)) as Policy, 3001), []);
    await api.client.delete(RESOURCES.networkPolicies, ref);
    await eventually('another policy', async () => (await read(b)) !== undefined);
    const clients = [
      {
        podSelector: {},
        namespaceSelector: { matchExpressions: [{ key: 'a', operator: 'Exists' }] },
      },
      { ipBlock: { cidr: '192.0.2.0/24', except: ['192.0.2.8/32'] } },
    ];
    await b.patch({ networkPolicy: { clients, ingress: [{ ports: [{ port: 3001 }] }] } });
    await eventually(
      'the wishes',
      async () => reach((await read(b)) as Policy, 3001) === 'everybody',
    );
    assert.deepEqual(reach((await read(b)) as Policy, 8080), clients);
    await b.patch({ networkPolicy: { clients: [{ ipBlock: { cidr: 'nowhere' } }] } });
    const refused = await b.until('a refusal', is('Reconciled', 'False'));
    assert.equal(condition(refused, 'Reconciled')?.reason, 'Refused');
    assert.match(condition(refused, 'Reconciled')?.message ?? '', /cidr.*nowhere/);
    await b.patch({ networkPolicy: { enabled: false, clients: null } });
    await eventually('no policy', async () => (await read(b)) === undefined);
    await b.until('calm', isCalm);
  });

  test("somebody else's policy of that name is neither changed nor deleted", async (t) => {
    const b = await openBench(api, t);
    const foreign = {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: { namespace: b.namespace, name: NAME },
      spec: { podSelector: {}, policyTypes: ['Ingress'] },
    };
    await api.client.create(RESOURCES.networkPolicies, foreign);
    await b.create();
    const told = await b.until('a report', is('Reconciled', 'False'));
    assert.equal(condition(told, 'Reconciled')?.reason, 'ForeignObject');
    await b.patch({ networkPolicy: { enabled: false } });
    await b.until('calm', (now) => isCalm(now) && is('Reconciled')(now));
    assert.deepEqual(await read(b), foreign.spec);
  });
});
