/** A running API server for tests, and small tools to talk to it over real HTTPS. */
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { Agent, request } from 'undici';
import {
  startApiServer,
  writeKubeconfig,
  type ApiServerOptions,
} from '../../../src/devcluster/apiserver/index.ts';
import { createObjectStore, type ObjectStore } from '../../../src/devcluster/objects/index.ts';
import { systemClock, systemRandom } from '../../../src/host/index.ts';
import { createCertificateAuthority, issueCertificate } from '../../../src/security/index.ts';
import { silentLogger } from '../../../src/telemetry/index.ts';

/** Answers are free-form JSON; tests look into them freely, so this is whatever a parsed text may be. */
export type Body = ReturnType<typeof JSON.parse>;

export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Body;
}

export interface CallOptions {
  /** A list is sent as a header for each. */
  readonly headers?: Readonly<Record<string, string | string[]>>;
  readonly contentType?: string;
  /** Shows no certificate. */
  readonly anonymous?: boolean;
}

/** Something that speaks the Kubernetes API: ours, or a real one. */
export interface Endpoint {
  readonly url: string;
  call(method: string, path: string, body?: unknown, options?: CallOptions): Promise<Reply>;
  /** Opens a watch; `next` waits for its next frame, `undefined` at the end of the stream. */
  watch(path: string, options?: CallOptions): Promise<WatchStream>;
}

export interface WatchStream {
  next(): Promise<Body>;
  close(): Promise<void>;
}

export interface Server extends Endpoint {
  readonly store: ObjectStore;
  readonly kubeconfig: string;
  readonly directory: string;
}

let material: ReturnType<typeof makeMaterial> | undefined;

async function makeMaterial(): Promise<{
  ca: string;
  server: { cert: string; key: string };
  admin: { cert: string; key: string };
  nobody: { cert: string; key: string };
}> {
  const now = new Date();
  const authority = await createCertificateAuthority({ commonName: 'test', validityDays: 1, now });
  const issue = async (
    commonName: string,
    organizations: string[],
  ): Promise<{ cert: string; key: string }> => {
    const leaf = await issueCertificate(authority, {
      commonName,
      organizations,
      dnsNames: ['localhost'],
      ipAddresses: ['127.0.0.1'],
      uris: [],
      validityDays: 1,
      now,
    });
    return { cert: leaf.certificate, key: leaf.key };
  };
  return {
    ca: authority.certificate,
    server: await issue('kube-apiserver', []),
    admin: await issue('admin', ['system:masters']),
    nobody: await issue('nobody', ['somebody']),
  };
}

export const testMaterial = (): ReturnType<typeof makeMaterial> => (material ??= makeMaterial());

/** Starts a server that ends with the test. */
export async function startServer(
  context: TestContext,
  options: Partial<ApiServerOptions> & { historyMax?: number; dataDir?: string } = {},
): Promise<Server> {
  const tls = await testMaterial();
  const directory = await mkdtemp(join(tmpdir(), 'apiserver-'));
  const store =
    options.store ??
    (await createObjectStore({
      ...(options.historyMax !== undefined && { historyMax: options.historyMax }),
      ...(options.dataDir !== undefined && { dataDir: options.dataDir }),
    }));
  const server = await startApiServer({
    address: '127.0.0.1',
    port: 0,
    tls: { ca: tls.ca, ...tls.server },
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
    ...options,
    store,
  });
  const kubeconfig = join(directory, 'kubeconfig');
  await writeKubeconfig(kubeconfig, {
    server: server.url,
    name: 'test',
    ca: tls.ca,
    user: tls.admin,
  });
  const endpoint = connect(server.url, { ca: tls.ca, ...tls.admin });
  context.after(async () => {
    await endpoint.close();
    await server.stop();
    await store.close();
    await rm(directory, { recursive: true, force: true });
  });
  // Else a controller's work; without it no pod is let in.
  await endpoint.call('POST', '/api/v1/namespaces/default/serviceaccounts', {
    metadata: { name: 'default' },
  });
  return { ...endpoint, store, kubeconfig, directory };
}

/** A client of the API at `url` with one identity. */
export function connect(
  url: string,
  tls: { ca: string; cert?: string; key?: string },
): Endpoint & { close(): Promise<void> } {
  // Over HTTP/2, undici makes one header of a list.
  const agent = new Agent({ connect: { ...tls }, bodyTimeout: 0, allowH2: false });
  const anonymous = new Agent({ connect: { ca: tls.ca }, allowH2: false });
  const send = (
    method: string,
    path: string,
    body: unknown,
    options: CallOptions,
  ): ReturnType<typeof request> => {
    const raw = body === undefined || typeof body === 'string' || Buffer.isBuffer(body);
    const text = raw ? body : JSON.stringify(body);
    return request(`${url}${path}`, {
      method: method as 'GET',
      dispatcher: options.anonymous === true ? anonymous : agent,
      headers: {
        'user-agent': 'tester/1',
        ...(body !== undefined && { 'content-type': options.contentType ?? 'application/json' }),
        ...options.headers,
      },
      ...(text !== undefined && { body: text }),
    });
  };
  return {
    url,
    async call(method, path, body, options = {}) {
      const response = await send(method, path, body, options);
      const text = await response.body.text();
      return { status: response.statusCode, headers: response.headers, body: parse(text) };
    },
    async watch(path, options = {}) {
      const response = await send('GET', path, undefined, options);
      return readLines(response.body);
    },
    async close() {
      await Promise.all([agent.destroy(), anonymous.destroy()]);
    },
  };
}

function parse(text: string): Body {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function readLines(stream: NodeJS.ReadableStream & { destroy(): unknown }): WatchStream {
  const frames: Body[] = [];
  const wake = new EventTarget();
  let ended = false;
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    frames.push(...lines.map((line) => JSON.parse(line) as unknown));
    wake.dispatchEvent(new Event('wake'));
  });
  for (const event of ['end', 'close', 'error']) {
    stream.on(event, () => {
      ended = true;
      wake.dispatchEvent(new Event('wake'));
    });
  }
  return {
    async next() {
      while (frames.length === 0 && !ended) await once(wake, 'wake');
      return frames.shift();
    },
    async close() {
      stream.destroy();
    },
  };
}

/** A small ConfigMap. */
export const configMap = (name: string, more: Record<string, unknown> = {}): Body => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name },
  data: { a: 'b' },
  ...more,
});

/** A small Pod; `node` binds it. */
export const pod = (name: string, spec: Record<string, unknown> = {}): Body => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, labels: { app: name } },
  spec: { containers: [{ name: 'main', image: 'example.com/app:1' }], ...spec },
});

export const STATEFULSETS = '/apis/apps/v1/namespaces/default/statefulsets';

/** A small StatefulSet. */
export const statefulSet = (name: string): Body => ({
  apiVersion: 'apps/v1',
  kind: 'StatefulSet',
  metadata: { name },
  spec: {
    serviceName: name,
    replicas: 2,
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name } },
      spec: { containers: [{ name: 'main', image: 'example.com/app:1' }] },
    },
  },
});

/** A definition with a default, a CEL rule, status and scale. */
export const widgetDefinition: Body = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'widgets.example.com' },
  spec: {
    group: 'example.com',
    scope: 'Namespaced',
    names: {
      plural: 'widgets',
      singular: 'widget',
      kind: 'Widget',
      listKind: 'WidgetList',
      shortNames: ['wd'],
    },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        subresources: {
          status: {},
          scale: { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.replicas' },
        },
        additionalPrinterColumns: [
          { name: 'Replicas', type: 'integer', jsonPath: '.spec.replicas' },
        ],
        schema: {
          openAPIV3Schema: {
            type: 'object',
            properties: {
              spec: {
                type: 'object',
                properties: {
                  replicas: { type: 'integer', default: 3, minimum: 0 },
                  size: { type: 'string', enum: ['S', 'L'], default: 'S' },
                  fixed: { type: 'string' },
                },
                'x-kubernetes-validations': [
                  { rule: 'self.replicas % 2 == 1', message: 'replicas must be odd' },
                  {
                    rule: '!has(oldSelf.fixed) || self.fixed == oldSelf.fixed',
                    message: 'fixed is immutable',
                  },
                ],
              },
              status: { type: 'object', properties: { replicas: { type: 'integer' } } },
            },
          },
        },
      },
    ],
  },
};

export const WIDGETS = '/apis/example.com/v1/namespaces/default/widgets';

export const widget = (name: string, spec: Record<string, unknown> = {}): Body => ({
  apiVersion: 'example.com/v1',
  kind: 'Widget',
  metadata: { name },
  spec,
});
