/**
 * Serves what pods export as metrics of pods under custom.metrics.k8s.io, as prometheus-adapter does for a real cluster: an
 * extension API server behind the aggregation layer, so that a HorizontalPodAutoscaler can ask for them.
 */
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { SIDECAR_PORTS } from '../../src/api/index.ts';
import { twinOf } from '../../src/devcluster/index.ts';
import { systemClock as clock } from '../../src/host/index.ts';
import { RESOURCES, type KubeClient, type KubeObject } from '../../src/kube/index.ts';
import { createCertificateAuthority, issueCertificate } from '../../src/security/index.ts';
import { eventually } from '../eventually.ts';
import { NAMESPACE } from './manifests.ts';

const GROUP = 'custom.metrics.k8s.io';
const VERSION = 'v1beta2';
const ROOT = `/apis/${GROUP}/${VERSION}`;
const SERVICE = 'metrics-adapter';
const API_SERVICES = '/apis/apiregistration.k8s.io/v1/apiservices';

/** Registers itself with the API server and resolves once that serves the metrics. */
export async function startMetricsAdapter(
  client: KubeClient,
  metrics: readonly string[],
): Promise<{ stop(): Promise<void> }> {
  const validity = { validityDays: 1, now: new Date(clock.wall()) };
  const authority = await createCertificateAuthority({ commonName: 'metrics', ...validity });
  const leaf = await issueCertificate(authority, {
    commonName: SERVICE,
    dnsNames: [`${SERVICE}.${NAMESPACE}.svc`],
    ipAddresses: [],
    uris: [],
    ...validity,
  });
  const server = createServer(
    {
      key: leaf.key,
      cert: leaf.certificate,
      // Only the API server's proxy may ask: whoever else could would be believed to be anybody.
      ca: await proxyAuthority(client),
      requestCert: true,
      rejectUnauthorized: true,
    },
    (request, response) => {
      const url = new URL(request.url ?? '/', 'https://adapter');
      void answer(client, metrics, url)
        .catch((error: unknown) => failure(503, String(error)))
        .then((body) => {
          response.statusCode = (body as { code?: number }).code ?? 200;
          response.setHeader('content-type', 'application/json');
          response.end(JSON.stringify(body));
        });
    },
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await register(client, port, authority.certificate);
  return {
    async stop() {
      await client.raw('DELETE', `${API_SERVICES}/${VERSION}.${GROUP}`);
      await client.delete(RESOURCES.services, { namespace: NAMESPACE, name: SERVICE });
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Who signs the certificate that the API server shows when it passes requests on. */
async function proxyAuthority(client: KubeClient): Promise<string> {
  const ref = { namespace: 'kube-system', name: 'extension-apiserver-authentication' };
  return eventually('the API server to tell its proxy authority', async () => {
    const data = (await client.get(RESOURCES.configMaps, ref))?.['data'];
    return (data as Record<string, string> | undefined)?.['requestheader-client-ca-file'];
  });
}

async function register(client: KubeClient, port: number, authority: string): Promise<void> {
  await client.create(RESOURCES.services, {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { namespace: NAMESPACE, name: SERVICE },
    spec: { type: 'ExternalName', externalName: 'localhost', ports: [{ port }] },
  });
  const name = `${VERSION}.${GROUP}`;
  await client.raw('POST', API_SERVICES, {
    body: {
      apiVersion: 'apiregistration.k8s.io/v1',
      kind: 'APIService',
      metadata: { name },
      spec: {
        group: GROUP,
        version: VERSION,
        groupPriorityMinimum: 100,
        versionPriority: 100,
        service: { namespace: NAMESPACE, name: SERVICE, port },
        caBundle: btoa(authority),
      },
    },
  });
  await eventually('the metrics to be served', async () => client.raw('GET', ROOT), 30_000);
}

const failure = (code: number, message: string): object => ({
  ...{ apiVersion: 'v1', kind: 'Status', status: 'Failure', code, message },
  reason: code === 404 ? 'NotFound' : 'ServiceUnavailable',
});

async function answer(
  client: KubeClient,
  metrics: readonly string[],
  { pathname, searchParams }: URL,
): Promise<object> {
  if (pathname === ROOT) {
    return {
      apiVersion: 'v1',
      kind: 'APIResourceList',
      groupVersion: `${GROUP}/${VERSION}`,
      resources: metrics.map((metric) => ({
        ...{ name: `pods/${metric}`, singularName: '', namespaced: true },
        ...{ kind: 'MetricValueList', verbs: ['get'] },
      })),
    };
  }
  // The API server's proxy escapes the asterisk.
  const path = decodeURIComponent(pathname);
  const [, namespace, metric] = /\/namespaces\/([^/]+)\/pods\/\*\/([^/]+)$/.exec(path) ?? [];
  if (namespace === undefined || metric === undefined) return failure(404, 'there is no such path');
  const labelSelector = searchParams.get('labelSelector') ?? '';
  const { items } = await client.list(RESOURCES.pods, { namespace, labelSelector });
  const values = await Promise.all(items.map((pod) => valueOf(pod, metric)));
  const found = values.filter((value) => value !== undefined);
  return found.length === 0
    ? failure(404, `no pod exports ${metric}`)
    : { apiVersion: `${GROUP}/${VERSION}`, kind: 'MetricValueList', metadata: {}, items: found };
}

/** The sum of a pod's series of this name; undefined when it has none, or does not answer. */
async function valueOf(pod: KubeObject, metric: string): Promise<object | undefined> {
  const { podIP } = (pod['status'] ?? {}) as { podIP?: string };
  if (podIP === undefined) return undefined;
  const text = await fetch(`http://${twinOf(podIP)}:${SIDECAR_PORTS.metrics}/metrics`).then(
    (response) => response.text(),
    () => '',
  );
  const series = [...text.matchAll(new RegExp(`^${metric}(?:\\{[^}]*\\})? (\\S+)$`, 'gm'))];
  if (series.length === 0) return undefined;
  const { namespace, name } = pod.metadata;
  return {
    describedObject: { apiVersion: 'v1', kind: 'Pod', namespace, name },
    metric: { name: metric },
    timestamp: new Date(clock.wall()).toISOString().replace(/\.\d+Z/, 'Z'),
    value: String(series.reduce((sum, [, value]) => sum + Number(value), 0)),
  };
}
