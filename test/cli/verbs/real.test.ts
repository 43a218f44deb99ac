/** Verbs at a real API server: what they write, what the operator makes of it, and what people may not do. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { findHelm, renderChart } from '../../../deploy/helm.ts';
import { MCP_CLUSTERS } from '../../../src/api/index.ts';
import { RESOURCES, type KubeObject } from '../../../src/kube/index.ts';
import { eventually } from '../../eventually.ts';
import { condition, events, is, isCalm, openBench, type Bench } from '../../operator/bench.ts';
import {
  readCluster,
  skip,
  startRealApi,
  userCluster,
  type RealApi,
} from '../../operator/real-api.ts';
import { verifies } from '../../requirements.ts';
import { runVerb } from './run.ts';
import { checkReport, checkWrites, type Place } from './written.ts';

const helm = findHelm() ?? '';
const noHelm = helm === '' ? 'no helm in $HELM, $KUBEBUILDER_ASSETS or $PATH' : false;

void suite('verbs at a real API server', { skip }, () => {
  let api: RealApi;
  before(async () => {
    api = await startRealApi(true);
  });
  after(() => api?.stop());

  test('what verbs write and say', async (t) => {
    const namespace = await api.namespace('written');
    const place = { client: api.client, kubeconfig: api.plane.kubeconfig, namespace };
    await checkWrites(t, place);
    await t.test(verifies('verbs.report'), () => checkReport(place));
    await t.test(verifies('verbs.backup'), () => checkBackup(place));
    await t.test(verifies('verbs.errors'), async () => {
      const said = await runVerb(
        api.plane.kubeconfig,
        `fence tools tools-1 -n ${namespace} --as nobody`,
      );
      assert.equal(said.code, 1);
      assert.match(said.text, /User "nobody" cannot get resource "mcpclusters"/);
      assert.match(said.text, /- apiGroups: \['mcpcluster\.io'\]\n +resources: \[mcpclusters\]/);
      // Who may read the cluster and nothing else gets a report that says what is missing, and why.
      await allow(place, 'reader', { resources: ['mcpclusters'], verbs: ['get', 'list'] });
      const folder = await mkdtemp(join(tmpdir(), 'report-'));
      t.after(() => rm(folder, { recursive: true, force: true }));
      const report = await eventually('the role to be in force', async () => {
        const out = join(folder, String(Date.now()));
        const line = `report tools -n ${namespace} --as reader --out ${out}`;
        const read = await runVerb(api.plane.kubeconfig, line);
        return read.code === 0 ? read.text : false;
      });
      assert.match(
        report,
        /not in it: objects\/secrets.yaml: .*cannot list resource "secrets".*; whoever has the right to list secrets can add it/,
      );
      assert.match(report, /not in it: operator: pods is forbidden/);
    });
  });

  test(verifies('verbs.effect'), async (t) => {
    const b = await openBench(api, t);
    const run = async (line: string): Promise<string> => {
      const said = await runVerb(api.plane.kubeconfig, `${line} -n ${b.namespace}`);
      assert.equal(said.code, 0, said.text);
      return said.text;
    };
    await b.create({ update: { mode: 'Supervised' } });
    await b.until('calm', isCalm);

    await run('promote tools tools-1');
    const led = await b.until('another leader', ({ status }) => status?.leader === 'tools-1');
    assert.equal(led.status?.targetLeader, undefined);
    assert.ok((await events(b)).includes('MovingLeadership'));
    assert.match(await run('promote tools tools-1'), /leads already/);

    await replaced(b, ['tools-1'], () => run('restart tools tools-1'));
    await run('restart tools');
    const waiting = await b.until(
      'the stop before the leader',
      (cluster) => condition(cluster, 'Progressing')?.reason === 'WaitingForApproval',
    );
    const { leader = '' } = waiting.status ?? {};
    assert.match(
      await run('status tools'),
      new RegExp(`^ {2}next: kubectl mcp approve tools -n ${b.namespace}`, 'm'),
    );
    await replaced(b, [leader], () => run('approve tools'));
    assert.match(await run('approve tools'), /nothing to approve/);

    await run('fence tools tools-2');
    await b.until('the fence', ({ status }) => status?.members?.[2]?.cordon === 'Fenced');
    await run('unfence tools');
    await b.until('three', ({ status }) => status?.readyReplicas === 3);

    await run('pause tools');
    await b.until('the pause', ({ status }) => status?.phase === 'Paused');
    assert.match(await run('status tools'), /next: kubectl mcp resume tools/);
    await run('resume tools');
    await b.until('calm', isCalm);

    await run('hibernate tools --yes');
    await b.until('sleep', ({ status }) => status?.replicas === 0);
    assert.match(await run('status tools'), /next: kubectl mcp wake tools/);
    await run('wake tools');
    await b.until('all of it to be back', isCalm);
    assert.match(await run('status tools'), /All conditions are as they should be/);
    assert.deepEqual(JSON.parse(await run('status tools -o json')).members.length, 3);
  });

  test(verifies('verbs.user-roles'), { skip: noHelm }, async () => {
    const namespace = await api.namespace('people');
    const values = ['--set', 'rbac.aggregate=true'];
    const rendered = await renderChart(helm, [...values, '-s', 'templates/user-roles.yaml']);
    for (const role of rendered) {
      await api.client.create(RESOURCES.clusterRoles, role as unknown as KubeObject);
    }
    const people = { view: 'vera', edit: 'edda', admin: 'ada' };
    for (const [role, user] of Object.entries(people)) {
      await api.client.create(RESOURCES.roleBindings, {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'RoleBinding',
        metadata: { namespace, name: role },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
        subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: user }],
      });
    }
    const may = async (user: string, verb: string, subresource?: string): Promise<boolean> => {
      const attributes = { namespace, verb, group: 'mcpcluster.io', resource: 'mcpclusters' };
      const review = await api.client.create<KubeObject>(RESOURCES.subjectAccessReviews, {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SubjectAccessReview',
        metadata: {},
        spec: { user, resourceAttributes: { ...attributes, subresource } },
      });
      return (review['status'] as { allowed: boolean }).allowed;
    };
    // A controller of Kubernetes adds the rules to its own roles.
    await eventually('view to read', () => may('vera', 'get'));
    await eventually(
      'edit and admin to write',
      async () => (await may('edda', 'patch')) && may('ada', 'patch'),
    );
    const rights = async (user: string): Promise<string> => {
      const asked = ['list', 'watch', 'create', 'patch', 'delete'];
      const granted = await Promise.all(asked.map((verb) => may(user, verb)));
      return asked.filter((_, index) => granted[index]).join(' ');
    };
    assert.equal(await rights('vera'), 'list watch');
    assert.equal(await rights('edda'), 'list watch create patch delete');
    assert.equal(await rights('ada'), 'list watch create patch delete');
    assert.equal(await may('edda', 'patch', 'scale'), true);
    assert.equal(await may('edda', 'patch', 'status'), false);

    await api.client.create(MCP_CLUSTERS, userCluster(namespace, 'tools'));
    const run = (user: string, line: string) =>
      runVerb(api.plane.kubeconfig, `${line} tools -n ${namespace} --as ${user}`);
    assert.equal((await run('vera', 'status')).code, 0);
    assert.match((await run('vera', 'pause')).text, /verbs: \[get, patch\]/);
    assert.equal((await run('edda', 'pause')).code, 0);
    const { metadata } = await readCluster(api.client, namespace, 'tools');
    assert.match(metadata.annotations?.['mcpcluster.io/last-command'] ?? '', / by edda at /);
  });

  test('a promotion that cannot be is told in the status', async (t) => {
    const b = await openBench(api, t);
    await b.create();
    const { status } = await b.until('calm', isCalm);
    await api.client.patch(
      MCP_CLUSTERS,
      { namespace: b.namespace, name: 'tools' },
      {
        type: 'merge',
        body: { metadata: { annotations: { 'mcpcluster.io/promote': `${status?.term}:tools-9` } } },
      },
    );
    const refused = await b.until('the refusal', is('Reconciled', 'False'));
    assert.equal(condition(refused, 'Reconciled')?.reason, 'PromotionRefused');
    const pods = await api.client.list(RESOURCES.pods, { namespace: b.namespace });
    assert.equal(pods.items.length, 3);
  });
});

/** Runs `act` and waits until exactly `pods` are new and all is calm. */
async function replaced(
  b: Bench,
  pods: readonly string[],
  act: () => Promise<string>,
): Promise<void> {
  b.pods.started.splice(0);
  await act();
  await b.until(
    `${pods.join()} to be new`,
    (cluster) => b.pods.started.length === pods.length && isCalm(cluster),
  );
  assert.deepEqual(b.pods.started, pods);
}

/** With a CronJob as the operator makes it of `spec.backup`. */
async function checkBackup({ client, kubeconfig, namespace }: Place): Promise<void> {
  const run = (line: string) => runVerb(kubeconfig, `${line} -n ${namespace}`);
  const none = await run('backup tools');
  assert.equal(none.code, 2);
  assert.match(none.text, /no CronJob tools-backup: set spec\.backup/);
  const labels = { 'mcpcluster.io/cluster': 'tools' };
  const containers = [{ name: 'backup', image: 'docker.io/mcp/everything' }];
  const template = { spec: { restartPolicy: 'Never', containers } };
  const made = await client.create<KubeObject>(RESOURCES.cronJobs, {
    apiVersion: 'batch/v1',
    kind: 'CronJob',
    metadata: { namespace, name: 'tools-backup', labels },
    spec: {
      schedule: '0 3 * * *',
      suspend: true,
      jobTemplate: { metadata: { labels }, spec: { template } },
    },
  });
  const jobs = async () => (await client.list(RESOURCES.jobs, { namespace })).items;
  assert.match((await run('backup tools --dry-run=server')).text, /nothing was stored/);
  assert.deepEqual(await jobs(), []);
  const said = await run('backup tools');
  const [job] = await jobs();
  assert.ok(said.text.includes(`the Job ${job?.metadata.name} takes a backup`), said.text);
  assert.equal(job?.metadata.ownerReferences?.[0]?.uid, made.metadata.uid);
  assert.equal(job?.metadata.labels?.['mcpcluster.io/cluster'], 'tools');
}

/** Gives this user a Role in the namespace. */
async function allow(
  { client, namespace }: Place,
  user: string,
  rule: { readonly resources: string[]; readonly verbs: string[] },
): Promise<void> {
  const apiVersion = 'rbac.authorization.k8s.io/v1';
  const metadata = { namespace, name: user };
  const rules = [{ apiGroups: ['mcpcluster.io'], ...rule }];
  await client.create(RESOURCES.roles, { apiVersion, kind: 'Role', metadata, rules });
  const apiGroup = 'rbac.authorization.k8s.io';
  await client.create(RESOURCES.roleBindings, {
    ...{ apiVersion, kind: 'RoleBinding', metadata },
    roleRef: { apiGroup, kind: 'Role', name: user },
    subjects: [{ apiGroup, kind: 'User', name: user }],
  });
}
