/** The two control planes behind one face: the embedded one, and real programs from a folder. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { UsageError } from '../host/index.ts';
import { createCertificateAuthority, issueCertificate, type KeyPair } from '../security/index.ts';
import type { Clock, Random } from '../std/index.ts';
import type { Logger } from '../telemetry/index.ts';
import { API_SERVICE_ADDRESS, startApiServer, writeKubeconfig } from './apiserver/index.ts';
import { startControlPlane } from './control-plane/index.ts';
import type { ContainerLog, LogLookup, LogQuery } from './kubelet/index.ts';
import { createObjectStore } from './objects/index.ts';

export interface BackendOptions {
  /** Folder for the control plane's files; it exists. */
  readonly folder: string;
  /** Whether state is to be found again after a restart. */
  readonly isKept: boolean;
  /** Port of the API server; 0: any. Only the embedded one obeys. */
  readonly port: number;
  readonly findLog: (
    namespace: string,
    pod: string,
    container: string,
    previous: boolean,
  ) => LogLookup;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

export interface Backend {
  readonly kubeconfig: string;
  readonly url: string;
  /** Signs the kubelet's serving certificate, and signed the API server's client certificate. */
  readonly authority: KeyPair;
  /** Whether controllers and scheduler come with it. */
  readonly hasControllers: boolean;
  readonly pids: readonly number[];
  stop(): Promise<void>;
}

const VALIDITY_DAYS = 365;
const ADDRESS = '127.0.0.1';

/** The embedded API server over the embedded store; controllers and scheduler are the caller's. */
export async function startEmbeddedBackend(options: BackendOptions): Promise<Backend> {
  const { clock, random, logger, folder } = options;
  const now = new Date(clock.wall());
  const authority = await createCertificateAuthority({
    commonName: 'laptop-cluster',
    validityDays: VALIDITY_DAYS,
    now,
  });
  const leaf = { uris: [], validityDays: VALIDITY_DAYS, now };
  const [server, admin] = await Promise.all([
    issueCertificate(authority, {
      ...leaf,
      commonName: 'kube-apiserver',
      dnsNames: ['localhost', 'kubernetes', 'kubernetes.default', 'kubernetes.default.svc'],
      ipAddresses: [ADDRESS, API_SERVICE_ADDRESS],
    }),
    issueCertificate(authority, {
      ...leaf,
      commonName: 'admin',
      organizations: ['system:masters'],
      dnsNames: [],
      ipAddresses: [],
    }),
  ]);
  const store = await createObjectStore(options.isKept ? { dataDir: join(folder, 'objects') } : {});
  const api = await startApiServer({
    address: ADDRESS,
    port: options.port,
    tls: { ca: authority.certificate, cert: server.certificate, key: server.key },
    store,
    clock,
    random,
    logger: logger.child({ part: 'apiserver' }),
    logs: (pod, container, query, signal) => {
      const { namespace = '', name = '' } = pod.metadata;
      const log = options.findLog(namespace, name, container, query.previous);
      if (!log.ok) throw new Error(log.error.message);
      return logStream(log.value, query, signal);
    },
  }).catch(async (error: NodeJS.ErrnoException) => {
    await store.close();
    if (error.code !== 'EADDRINUSE' && error.code !== 'EACCES') throw error;
    throw new UsageError(
      `cannot listen on ${ADDRESS}:${options.port} (${error.code}): end the program that does, or choose another --port`,
    );
  });
  const kubeconfig = join(folder, 'kubeconfig');
  await writeKubeconfig(kubeconfig, {
    server: api.url,
    name: 'laptop',
    ca: authority.certificate,
    user: { cert: admin.certificate, key: admin.key },
  });
  return {
    kubeconfig,
    url: api.url,
    authority,
    hasControllers: false,
    pids: [],
    async stop() {
      await api.stop();
      await store.close();
    },
  };
}

/** A log as the API server wants it: pieces of text, at the reader's pace. */
async function* logStream(
  log: ContainerLog,
  query: LogQuery,
  signal: AbortSignal,
): AsyncGenerator<string> {
  const pieces: string[] = [];
  let wake = Promise.withResolvers<void>();
  let isOver = false;
  const ended = log
    .read(
      query,
      (text) => {
        pieces.push(text);
        wake.resolve();
      },
      signal,
    )
    .finally(() => {
      isOver = true;
      wake.resolve();
    });
  for (;;) {
    if (pieces.length > 0) yield pieces.splice(0).join('');
    else if (isOver) return await ended;
    else {
      await wake.promise;
      wake = Promise.withResolvers<void>();
    }
  }
}

/** etcd, kube-apiserver, kube-controller-manager and kube-scheduler from the folder that `KUBEBUILDER_ASSETS` names. */
export async function startKubebuilderBackend(
  options: BackendOptions,
  assets: string | undefined,
): Promise<Backend> {
  if (assets === undefined || assets === '')
    throw new UsageError(
      'backend kubebuilder: set KUBEBUILDER_ASSETS to a folder with etcd, kube-apiserver, kube-controller-manager and kube-scheduler (`setup-envtest use -p path` brings the first two)',
    );
  const { clock, random, logger, folder } = options;
  const dataDir = join(folder, 'control-plane');
  await mkdir(dataDir, { recursive: true });
  const plane = await startControlPlane({
    assets,
    dataDir,
    clock,
    random,
    logger: logger.child({ part: 'control-plane' }),
  });
  return {
    kubeconfig: plane.kubeconfig,
    url: plane.url,
    authority: plane.tls.authority,
    hasControllers: true,
    pids: Object.values(plane.pids),
    stop: plane.stop,
  };
}
