/** A client and an informer on a scripted server, with short waits, and a server behind TLS. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock as clock, systemRandom as random } from '../../src/host/index.ts';
import {
  createInformer,
  createKubeClient,
  createKubeConnection,
  RESOURCES,
  type Informer,
  type KubeClient,
  type KubeClientOptions,
} from '../../src/kube/index.ts';
import { createCertificateAuthority, issueCertificate } from '../../src/security/index.ts';
import { createMetrics, silentLogger, type Metrics } from '../../src/telemetry/index.ts';
import {
  configMap,
  json,
  startScriptedServer,
  type Handler,
  type ScriptedServer,
} from './scripted-server.ts';

export interface Setup {
  readonly server: ScriptedServer;
  readonly client: KubeClient;
  readonly informer: Informer;
  readonly metrics: Metrics;
  /** What a listener that was there from the beginning heard, as `added a@1`. */
  readonly heard: string[];
}

/** Runs `body` with everything started but the informer; stops everything afterwards. */
export async function withServer(
  body: (setup: Setup) => Promise<void>,
  options: Partial<KubeClientOptions> = {},
): Promise<void> {
  const server = await startScriptedServer();
  const metrics = createMetrics();
  const client = createKubeClient(createKubeConnection({ server: server.url }), {
    clock,
    random,
    metrics,
    ...options,
  });
  const informer = createInformer({
    client,
    resource: RESOURCES.configMaps,
    clock,
    random,
    metrics,
    logger: silentLogger,
    backoff: { initialMs: 5, maxMs: 40 },
  });
  const heard: string[] = [];
  informer.onChange((change) => {
    const { name, resourceVersion } = change.object.metadata;
    heard.push(`${change.type} ${name}@${resourceVersion}`);
  });
  try {
    await body({ server, client, informer, metrics, heard });
  } finally {
    await informer.stop();
    await client.close();
    await server.stop();
  }
}

/** Answers each request that is neither list nor watch with the next handler, the last one for ever. */
export function script(server: ScriptedServer, ...handlers: Handler[]): void {
  server.other = (response, request) => {
    const handler = handlers.length > 1 ? handlers.shift() : handlers[0];
    handler?.(response, request);
  };
}

/** Answers with what was sent, or with a configMap `a`. */
export const succeed: Handler = (response, request) =>
  json(response, 200, request.body === '' ? configMap('a', 1) : JSON.parse(request.body));

export interface TlsFixture {
  readonly server: ScriptedServer;
  readonly directory: string;
  /** Certificate of who signed the server's. */
  readonly authority: string;
  kubeconfig(user: object): Promise<string>;
  readonly clientPair: (name: string) => Promise<{ certificate: string; key: string }>;
}

/** Runs `body` with a server that shows a certificate of an authority made for it. */
export async function withTlsServer(body: (fixture: TlsFixture) => Promise<void>): Promise<void> {
  const now = new Date();
  const leaf = { dnsNames: [], ipAddresses: ['127.0.0.1'], uris: [], validityDays: 1, now };
  const authority = await createCertificateAuthority({ commonName: 'ca', validityDays: 1, now });
  const pair = await issueCertificate(authority, { commonName: 'server', ...leaf });
  const tls = { ca: authority.certificate, cert: pair.certificate, key: pair.key };
  const server = await startScriptedServer({ tls });
  const directory = await mkdtemp(join(tmpdir(), 'kube-'));
  try {
    await body({
      server,
      directory,
      authority: authority.certificate,
      clientPair: (commonName) => issueCertificate(authority, { commonName, ...leaf }),
      async kubeconfig(user) {
        const path = join(directory, 'kubeconfig');
        const ca = Buffer.from(authority.certificate).toString('base64');
        const cluster = { server: server.url, 'certificate-authority-data': ca };
        const config = {
          clusters: [{ name: 'c', cluster }],
          users: [{ name: 'u', user }],
          contexts: [{ name: 'x', context: { cluster: 'c', user: 'u', namespace: 'team' } }],
          'current-context': 'x',
        };
        await writeFile(path, JSON.stringify(config));
        return path;
      },
    });
  } finally {
    await server.stop();
    await rm(directory, { recursive: true });
  }
}
