/** The operator as its own ServiceAccount, with only the rights that the chart gives it, at a real API server. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { findHelm, NAMESPACE as SYSTEM, renderChart } from '../../deploy/helm.ts';
import { systemClock as clock, systemRandom as random } from '../../src/host/index.ts';
import {
  createKubeClient,
  KubeError,
  loadKubeConnection,
  RESOURCES,
  type KubeClient,
  type KubeObject,
} from '../../src/kube/index.ts';
import { runOperator } from '../../src/operator/index.ts';
import { askOperator } from '../../src/sidecar/identity/asking.ts';
import { MCP_CLUSTERS } from '../../src/api/index.ts';
import { createMetrics, silentLogger as logger } from '../../src/telemetry/index.ts';
import { eventually } from '../eventually.ts';
import { freePort } from '../free-ports.ts';
import { verifies } from '../requirements.ts';
import { startFakePods, type FakePods } from './fake-pods.ts';
import { readCluster, skip, startRealApi, userCluster, type RealApi } from './real-api.ts';
import { atUrl } from './webhook-world.ts';

const helm = findHelm();
const noHelm = helm === undefined ? 'no helm in $HELM, $KUBEBUILDER_ASSETS or $PATH' : false;

interface Mode {
  readonly release: string;
  readonly namespaced: boolean;
  readonly values: readonly string[];
  /** Whether it may ask what the sidecars may do, and whose a token is: both have no namespace. */
  readonly mayReview: boolean;
  /** Whether the API server asks it before a McpCluster is stored. */
  readonly hasWebhook?: boolean;
}

const MODES: Readonly<Record<string, Mode>> = {
  'all namespaces, with all that can be switched on': {
    release: 'all',
    namespaced: false,
    values: ['--set', 'webhook.enabled=true,certManager.enabled=true'],
    mayReview: true,
    hasWebhook: true,
  },
  'one namespace': { release: 'one', namespaced: true, values: [], mayReview: true },
  'one namespace and nothing beside it': {
    release: 'only',
    namespaced: true,
    values: ['--set', 'rbac.clusterScoped=false'],
    mayReview: false,
  },
};

void suite('operator with the rights it is installed with', { skip: skip || noHelm }, () => {
  let api: RealApi;
  before(async () => {
    api = await startRealApi(true);
    const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: SYSTEM } };
    await api.client.create(RESOURCES.namespaces, namespace);
  });
  after(() => api?.stop());

  for (const [name, mode] of Object.entries(MODES)) {
    test(`${verifies('operator.least-privilege')}: ${name}`, async () => {
      const namespace = await api.namespace(`privilege-${mode.release}`);
      const watchNamespaces = mode.namespaced ? [namespace] : [];
      const port = await freePort();
      const url = `https://127.0.0.1:${port}`;
      const { client, refusals } = await install(api, mode, { watchNamespaces, url });
      const pods = startFakePods(api.client, namespace);
      const operator = await runOperator({
        client,
        watchNamespaces,
        leaseNamespace: SYSTEM,
        leaseName: `${mode.release}-mcp-cluster-operator`,
        podNamespace: SYSTEM,
        serving: { port, url, authority: `${mode.release}-mcp-cluster-operator-serving-authority` },
        ...(mode.hasWebhook === true
          ? { webhookConfiguration: `${mode.release}-mcp-cluster-operator` }
          : {}),
        logger,
        sidecars: pods.sidecars,
      });
      try {
        await live(api, namespace, mode, pods);
        assert.equal(
          await answerToPods(api, namespace),
          mode.mayReview ? 'token-refused' : 'unavailable',
        );
        assert.deepEqual(
          refusals.filter(
            (one) => mode.mayReview || !/subjectaccessreviews|tokenreviews/.test(one),
          ),
          [],
        );
        // The Service that the authority of the operator goes with.
        const own = { namespace: SYSTEM, name: `${mode.release}-mcp-cluster-operator` };
        await client.get(RESOURCES.services, own);
        await assert.rejects(client.list(RESOURCES.secrets, { namespace }), { status: 403 });
        await assert.rejects(client.list(RESOURCES.nodes), { status: 403 });
        const ref = { namespace, name: 'tools' };
        await assert.rejects(client.delete(RESOURCES.services, ref), { status: 403 });
        const exec = `/api/v1/namespaces/${namespace}/pods/tools-0/exec?command=id`;
        await assert.rejects(client.raw('POST', exec), { status: 403 });
        if (mode.namespaced) {
          const elsewhere = { namespace: 'default' };
          await assert.rejects(client.list(MCP_CLUSTERS, elsewhere), { status: 403 });
          await assert.rejects(client.list(MCP_CLUSTERS), { status: 403 });
        }
      } finally {
        const configuration = { name: `${mode.release}-mcp-cluster-operator` };
        await api.client.delete(RESOURCES.validatingWebhookConfigurations, configuration);
        await operator.stop();
        await pods.stop();
        await client.close();
      }
    });
  }
});

/** Applies what the chart renders; a client that acts as its ServiceAccount, and what that was refused. */
async function install(
  api: RealApi,
  { release, values }: Mode,
  { watchNamespaces, url }: { watchNamespaces: string[]; url: string },
) {
  const rendered = await renderChart(
    helm as string,
    [
      '--set',
      'crds.enabled=false',
      '--set-json',
      `watchNamespaces=${JSON.stringify(watchNamespaces)}`,
      ...values,
    ],
    release,
  );
  assert.doesNotMatch(JSON.stringify(rendered), /"\*"/);
  for (const manifest of rendered as unknown as readonly KubeObject[]) {
    const type = Object.values(RESOURCES).find(({ kind }) => kind === manifest.kind);
    assert.ok(type, manifest.kind);
    const isWebhook = type === RESOURCES.validatingWebhookConfigurations;
    const object = isWebhook ? atUrl(manifest, url) : manifest;
    await api.client.apply(type, object, { fieldManager: 'test' });
  }
  const hasClusterRole = rendered.some(({ kind }) => kind === 'ClusterRole');
  assert.equal(hasClusterRole, !values.includes('rbac.clusterScoped=false'));
  const connection = await loadKubeConnection({
    kubeconfig: api.plane.kubeconfig,
    impersonateUser: `system:serviceaccount:${SYSTEM}:${release}-mcp-cluster-operator`,
  });
  const refusals: string[] = [];
  const metrics = createMetrics();
  return {
    client: noting(createKubeClient(connection, { clock, random, metrics }), refusals),
    refusals,
  };
}

/** What the operator says to who asks for a certificate with a token of nobody. */
async function answerToPods({ client }: RealApi, namespace: string): Promise<string> {
  const map = await client.get(RESOURCES.configMaps, { namespace, name: 'tools-trust' });
  const folder = await mkdtemp(join(tmpdir(), 'privilege-'));
  const files = { ...(map?.['data'] as Record<string, string>), token: 'nobody' };
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  const { signal } = new AbortController();
  const answer = await askOperator(folder, 'request', { clock, signal });
  await rm(folder, { recursive: true });
  return answer.kind === 'refused' ? answer.code : answer.kind;
}

/** A cluster is made, told what it may not do, rolled, and made smaller. */
async function live(api: RealApi, namespace: string, mode: Mode, pods: FakePods): Promise<void> {
  const ref = { namespace, name: 'tools' };
  const patch = (spec: Record<string, unknown>) =>
    api.client.patch(MCP_CLUSTERS, ref, { type: 'merge', body: { spec } });
  const until = (what: string, holds: (phase: string | undefined) => boolean) =>
    eventually(what, async () =>
      holds((await readCluster(api.client, namespace, 'tools')).status?.phase),
    );
  const providers = [{ name: 'pods', tokenReview: { audiences: ['tools'] } }];
  const volume = { size: '1Gi' };
  const backup = { schedule: '15 2 * * *', immediate: true, volume };
  const spec = { gateway: { auth: { providers } }, backup };
  await eventually('the webhook to be trusted, where there is one', () =>
    api.client.create(MCP_CLUSTERS, userCluster(namespace, 'tools', spec)),
  );
  await until('Running', (phase) => phase === 'Running');
  const isWarned = async (): Promise<boolean> => {
    const { status } = await readCluster(api.client, namespace, 'tools');
    return status?.conditions?.some(({ reason }) => reason === 'TokenReviewForbidden') ?? false;
  };
  if (mode.mayReview) await eventually('what the sidecars may not do to be told', isWarned);
  else assert.equal(await isWarned(), false);
  await eventually('a first backup to be asked for', async () => {
    const job = { namespace, name: 'tools-backup-first' };
    return (await api.client.get(RESOURCES.jobs, job)) !== undefined;
  });
  await patch({ backup: null });
  await eventually('its CronJob to be gone', async () => {
    const cronJob = { namespace, name: 'tools-backup' };
    return (await api.client.get(RESOURCES.cronJobs, cronJob)) === undefined;
  });
  const claim = { namespace, name: 'tools-backup' };
  assert.ok(await api.client.get(RESOURCES.persistentVolumeClaims, claim), 'backups stay');
  pods.started.splice(0);
  await patch({ server: { image: 'docker.io/mcp/everything:2', port: 3001 } });
  await eventually('the rollout', () => pods.started.length === 3);
  await until('Running again', (phase) => phase === 'Running');
  await eventually('an event', async () => {
    const { items } = await api.client.list(RESOURCES.events, { namespace });
    return items.some((event) => event['reason'] === 'ReplacingPod');
  });
  await patch({ replicas: 1 });
  const spare = { namespace, name: 'data-tools-1' };
  await eventually(
    'the volumes of the pods that went to be gone',
    async () => (await api.client.get(RESOURCES.persistentVolumeClaims, spare)) === undefined,
    20_000,
  );
}

/** `client` that writes down what it was forbidden. */
function noting(client: KubeClient, refusals: string[]): KubeClient {
  return new Proxy(client, {
    get(target, name: keyof KubeClient) {
      return (...args: unknown[]): unknown => {
        const result = (target[name] as (...all: unknown[]) => unknown)(...args);
        return result instanceof Promise
          ? result.catch((error: unknown) => {
              if (error instanceof KubeError && error.status === 403) refusals.push(error.message);
              throw error;
            })
          : result;
      };
    },
  });
}
