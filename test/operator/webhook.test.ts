/** The webhook between a real API server and a running operator. */
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { MCP_CLUSTERS, type McpCluster } from '../../src/api/index.ts';
import { KubeError, RESOURCES, type KubeObject } from '../../src/kube/index.ts';
import { runOperator, type RunningOperator } from '../../src/operator/index.ts';
import { silentLogger as logger } from '../../src/telemetry/index.ts';
import { createKubectl, findKubectl, type Kubectl } from '../e2e/kubectl.ts';
import { eventually } from '../eventually.ts';
import { freePort } from '../free-ports.ts';
import { verifies } from '../requirements.ts';
import { condition } from './bench.ts';
import { readCluster, skip, startRealApi, userCluster, type RealApi } from './real-api.ts';
import { rotateUnderLoad } from './webhook-rotation.ts';
import { bundleOf, noHelm, register } from './webhook-world.ts';

const ASKED = 'asked';
/** In this namespace the API server does not ask. */
const UNASKED = 'unasked';

const service = (namespace: string, name: string): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { namespace, name },
  spec: { ports: [{ port: 80 }] },
});

void suite('webhook at a real API server', { skip: skip || noHelm }, () => {
  let api: RealApi;
  let operator: RunningOperator;
  let start: () => Promise<RunningOperator>;
  let kubectl: Kubectl;
  let name: string;

  before(async () => {
    api = await startRealApi(false);
    for (const namespace of [ASKED, UNASKED]) await api.namespace(namespace);
    const port = await freePort();
    const url = `https://127.0.0.1:${port}`;
    name = await register(api.client, 'hook', { url, namespaces: [ASKED] });
    kubectl = createKubectl(findKubectl() as string, api.plane.kubeconfig);
    start = () =>
      runOperator({
        client: api.client,
        leaderElect: false,
        logger,
        serving: { port, url, authority: 'hook-serving-authority' },
        webhookConfiguration: name,
      });
    operator = await start();
    await isAsked();
  });
  /** Waits until the API server trusts the operator. */
  const isAsked = (): Promise<unknown> =>
    eventually('the webhook to be trusted', async () => {
      await api.client.create(MCP_CLUSTERS, userCluster(ASKED, 'first'), { dryRun: true });
      return true;
    });
  after(async () => {
    await operator?.stop();
    await api?.stop();
  });

  const refusal = async (write: Promise<unknown>): Promise<string> => {
    const error = await write.then(
      () => assert.fail('it was admitted'),
      (reason: unknown) => reason,
    );
    assert.ok(error instanceof KubeError, String(error));
    assert.equal(error.status, 422, error.message);
    return error.message.replace(
      /^admission webhook "mcpclusters.mcpcluster.io" denied the request: /,
      '',
    );
  };
  const told = (namespace: string, of: string, reason: string): Promise<McpCluster> =>
    eventually(`${reason} of ${of}`, async () => {
      const cluster = await readCluster(api.client, namespace, of);
      return condition(cluster, 'Reconciled')?.reason === reason ? cluster : undefined;
    });
  /** Without what differs from one object to the other. */
  const plain = (text = ''): string => text.replaceAll(/\([-0-9a-f]{36}\)/g, '(uid)');

  test(`${verifies('webhook.refuses')}; ${verifies('webhook.same-verdict')}`, async () => {
    const { client } = api;
    for (const namespace of [ASKED, UNASKED]) {
      await client.create(RESOURCES.services, service(namespace, 'shop-peers'));
      await client.create(MCP_CLUSTERS, userCluster(namespace, 'tools'));
    }
    const unasked = userCluster(UNASKED, 'tools-peers');
    await eventually('the Services of the first cluster', () =>
      client.get(RESOURCES.services, { namespace: UNASKED, name: 'tools-peers' }),
    );
    await client.create(MCP_CLUSTERS, unasked);
    await client.create(MCP_CLUSTERS, userCluster(UNASKED, 'shop'));

    const rival = await refusal(client.create(MCP_CLUSTERS, userCluster(ASKED, 'tools-peers')));
    assert.match(
      rival,
      /^metadata\.name: Service tools-peers belongs to McpCluster tools \(.*\), and the objects .* named after it; .*, such as my-tools-peers$/,
    );
    const foreign = await refusal(client.create(MCP_CLUSTERS, userCluster(ASKED, 'shop')));
    assert.match(
      foreign,
      /^metadata\.name: Service shop-peers belongs to somebody who set no owner/,
    );
    for (const [of, said] of Object.entries({ 'tools-peers': rival, shop: foreign })) {
      const cluster = await told(UNASKED, of, 'ForeignObject');
      assert.equal(plain(condition(cluster, 'Reconciled')?.message), plain(said));
    }
  });

  test(`${verifies('webhook.refuses')}: volumes that cannot grow`, async () => {
    const { client } = api;
    await client.create(RESOURCES.storageClasses, {
      apiVersion: 'storage.k8s.io/v1',
      kind: 'StorageClass',
      metadata: { name: 'rigid' },
      provisioner: 'example.com/none',
    });
    const storage = (size: string) => ({ storage: { size, storageClassName: 'rigid' } });
    for (const namespace of [ASKED, UNASKED]) {
      await client.create(MCP_CLUSTERS, userCluster(namespace, 'stiff', storage('1Gi')));
      const set = await eventually('the StatefulSet', () =>
        client.get(RESOURCES.statefulSets, { namespace, name: 'stiff' }),
      );
      const labels = set.metadata.labels ?? {};
      await client.create(RESOURCES.persistentVolumeClaims, {
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        metadata: { namespace, name: 'data-stiff-0', labels },
        spec: {
          accessModes: ['ReadWriteOnce'],
          storageClassName: 'rigid',
          resources: { requests: { storage: '1Gi' } },
        },
      });
    }
    const grow = (namespace: string) =>
      client.patch(
        MCP_CLUSTERS,
        { namespace, name: 'stiff' },
        {
          type: 'merge',
          body: { spec: storage('2Gi') },
        },
      );
    const said = await refusal(grow(ASKED));
    assert.match(said, /^spec\.storage\.size: "2Gi": StorageClass rigid of data-stiff-0 does not/);
    await grow(UNASKED);
    const cluster = await told(UNASKED, 'stiff', 'VolumeNotExpandable');
    assert.equal(condition(cluster, 'Reconciled')?.message, said);
  });

  test(`${verifies('webhook.refuses')}: warnings, which kubectl prints`, async () => {
    const providers = [{ name: 'a', tokenFile: { secretKeyRef: { name: 'callers', key: 'x' } } }];
    const spec = { gateway: { auth: { providers } }, tls: { issuerRef: { name: 'corporate' } } };
    const input = JSON.stringify(userCluster(ASKED, 'eager', spec));
    const { code, stderr } = await kubectl.run(`apply --namespace ${ASKED} -f -`, { input });
    assert.equal(code, 0, stderr);
    const secret = /there is no Secret callers with a key x; nobody is known by it/;
    assert.match(stderr, /^Warning: spec\.gateway\.auth\.providers\[0\]\.tokenFile/m);
    assert.match(stderr, secret);
    assert.match(stderr, /^Warning: spec\.tls\.issuerRef: .* install cert-manager, or leave/m);
    const cluster = await told(ASKED, 'eager', 'SecretMissing');
    assert.match(condition(cluster, 'Reconciled')?.message ?? '', secret);
  });

  test(verifies('operator.foreign-account'), async () => {
    const { client } = api;
    const ref = { namespace: UNASKED, name: 'powerful' };
    const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: ref };
    await client.create(RESOURCES.serviceAccounts, account);
    await client.create(MCP_CLUSTERS, userCluster(UNASKED, 'powerful'));
    await told(UNASKED, 'powerful', 'ForeignObject');
    assert.equal(await client.get(RESOURCES.statefulSets, ref), undefined);
    await client.delete(RESOURCES.serviceAccounts, ref);
    await eventually('the StatefulSet', () => client.get(RESOURCES.statefulSets, ref));
  });

  test(verifies('webhook.rotation'), (t) => rotateUnderLoad(api, t));

  test(verifies('webhook.down'), async () => {
    const { client } = api;
    await operator.stop();
    const ref = { namespace: ASKED, name: 'tools' };
    const patch = (body: object, subresource?: string) =>
      client.patch(MCP_CLUSTERS, ref, {
        type: 'merge',
        body,
        ...(subresource === undefined ? {} : { subresource }),
      });
    const closed = /failed calling webhook "mcpclusters\.mcpcluster\.io": .*127\.0\.0\.1/;
    await assert.rejects(client.create(MCP_CLUSTERS, userCluster(ASKED, 'later')), closed);
    await assert.rejects(patch({ spec: { sessions: { max: 7 } } }), closed);
    await patch({ metadata: { labels: { team: 'blue' }, finalizers: ['example.com/wait'] } });
    await patch({ status: { sessions: 7 } }, 'status');
    await patch({ spec: { replicas: 5 } }, 'scale');
    assert.equal((await readCluster(client, ASKED, 'tools')).spec.replicas, 5);
    await client.delete(MCP_CLUSTERS, ref);
    const dying = await readCluster(client, ASKED, 'tools');
    assert.ok(dying.metadata.deletionTimestamp);
    await patch({ metadata: { finalizers: null } });
    await eventually(
      'it to be gone',
      async () => (await client.get(MCP_CLUSTERS, ref)) === undefined,
    );
    // Whoever takes the caBundle away, the next operator writes it again.
    const type = RESOURCES.validatingWebhookConfigurations;
    const body = [{ op: 'remove', path: '/webhooks/0/clientConfig/caBundle' }];
    await client.patch(type, { name }, { type: 'json', body });
    operator = await start();
    await isAsked();
    assert.equal((await bundleOf(client, name)).split('BEGIN CERTIFICATE').length - 1, 1);
  });
});
