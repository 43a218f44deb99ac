/** Starts etcd, kube-apiserver and, when asked, kube-controller-manager and kube-scheduler on free loopback ports. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts } from '../../host/index.ts';
import { createKubeClient, createKubeConnection, type KubeClient } from '../../kube/index.ts';
import { delay, type Clock, type Random } from '../../std/index.ts';
import { createMetrics, type Logger } from '../../telemetry/index.ts';
import { apiServerFlags, controllerManagerFlags, etcdFlags, schedulerFlags } from './flags.ts';
import { createMaterial, kubeconfigText, type ControlPlaneTls, type Material } from './material.ts';
import { requirePrograms, startProgram, type Program } from './program.ts';

export interface ControlPlaneOptions {
  /** Folder with the programs, by convention `$KUBEBUILDER_ASSETS`. */
  readonly assets: string;
  /** Where data, certificates and logs go; a temporary folder, removed at stop, when absent. */
  readonly dataDir?: string;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly random: Random;
  /** Default 10.96.0.0/16. */
  readonly serviceCidr?: string;
  /** Also kube-controller-manager and kube-scheduler; default true. */
  readonly controllers?: boolean;
  /** For the API server to answer; default 60 s. */
  readonly startTimeoutMs?: number;
}

export interface ControlPlane {
  /** Path of a kubeconfig of an administrator. */
  readonly kubeconfig: string;
  readonly url: string;
  readonly tls: ControlPlaneTls;
  /** Process ids by program. */
  readonly pids: Readonly<Record<string, number>>;
  stop(): Promise<void>;
}

const STOP_GRACE_MS = { fast: 3000, apiServer: 2000 } as const;
const READY_POLL_MS = 50;

/**
 * Resolves when the API server is ready (about 4 s). Rejects with `UsageError` when a program is missing, and with the last
 * line of its output when one ends; nothing is left running then.
 */
export async function startControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  const withControllers = options.controllers ?? true;
  const names = ['etcd', 'kube-apiserver'];
  if (withControllers) names.push('kube-controller-manager', 'kube-scheduler');
  requirePrograms(options.assets, names);
  const root = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'control-plane-')));
  const programs: Program[] = [];
  const stop = async (): Promise<void> => {
    for (const program of programs.splice(0).reverse()) {
      const isApiServer = program.name === 'kube-apiserver';
      await program.stop(isApiServer ? STOP_GRACE_MS.apiServer : STOP_GRACE_MS.fast);
    }
    if (options.dataDir === undefined) await rm(root, { recursive: true, force: true });
  };
  try {
    const started = await startAll({ options, root, programs, withControllers });
    const pids = Object.fromEntries(programs.map(({ name, pid }) => [name, pid]));
    return { ...started, pids, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

interface Start {
  readonly options: ControlPlaneOptions;
  readonly root: string;
  readonly programs: Program[];
  readonly withControllers: boolean;
}

async function startAll(start: Start): Promise<Omit<ControlPlane, 'pids' | 'stop'>> {
  const { options, root, programs } = start;
  const serviceCidr = options.serviceCidr ?? '10.96.0.0/16';
  const certDir = join(root, 'certificates');
  const logDir = join(root, 'logs');
  await mkdir(logDir, { recursive: true });
  const now = new Date(options.clock.wall());
  const [material, ports] = await Promise.all([
    createMaterial(certDir, { serviceAddress: firstAddress(serviceCidr), now }),
    choosePorts(),
  ]);
  const url = `https://127.0.0.1:${ports.apiServer}`;
  const kubeconfig = join(root, 'kubeconfig');
  await writeFile(kubeconfig, kubeconfigText(url, material.tls), { mode: 0o600 });
  const run = async (name: string, args: readonly string[]): Promise<void> => {
    const { assets, clock } = options;
    programs.push(await startProgram({ name, assets, args, logDir, clock }));
  };
  await run('etcd', etcdFlags(join(root, 'etcd'), ports.etcd));
  await run('kube-apiserver', apiServerFlags(material.files, ports, { certDir, serviceCidr }));
  await waitUntilReady(start, url, material);
  if (start.withControllers) {
    const shared = { kubeconfig, certDir };
    const managerFlags = { ...shared, port: ports.controllerManager };
    await run('kube-controller-manager', controllerManagerFlags(material.files, managerFlags));
    await run('kube-scheduler', schedulerFlags({ ...shared, port: ports.scheduler }));
  }
  options.logger.info('control plane is ready', { url, kubeconfig });
  return { kubeconfig, url, tls: material.tls };
}

/** The ClusterIP that the Service `kubernetes` gets: the first of the range. */
function firstAddress(cidr: string): string {
  const [network = ''] = cidr.split('/');
  return network.replace(/\d+$/, (last) => String(Number(last) + 1));
}

interface Ports {
  readonly etcd: number;
  readonly apiServer: number;
  readonly controllerManager: number;
  readonly scheduler: number;
}

async function choosePorts(): Promise<Ports> {
  const [etcd, apiServer, controllerManager, scheduler] = (await freePorts(4)) as [
    number,
    number,
    number,
    number,
  ];
  return { etcd, apiServer, controllerManager, scheduler };
}

async function waitUntilReady(start: Start, url: string, { tls }: Material): Promise<void> {
  const { options, programs } = start;
  const timeoutMs = options.startTimeoutMs ?? 60_000;
  const connection = createKubeConnection({
    server: url,
    ca: tls.authority.certificate,
    cert: tls.admin.certificate,
    key: tls.admin.key,
  });
  const client = createKubeClient(connection, {
    clock: options.clock,
    random: options.random,
    metrics: createMetrics(),
    retriesMax: 0,
    requestTimeoutMs: 2000,
  });
  const deadline = options.clock.monotonic() + timeoutMs;
  try {
    while (!(await isReady(client))) {
      for (const program of programs) {
        const end = await program.ended();
        if (end !== undefined) throw new Error(end);
      }
      if (options.clock.monotonic() > deadline) {
        throw new Error(`kube-apiserver was not ready within ${timeoutMs} ms`);
      }
      await delay(options.clock, READY_POLL_MS);
    }
  } finally {
    await client.close();
  }
}

async function isReady(client: KubeClient): Promise<boolean> {
  try {
    return (await client.raw('GET', '/readyz')) === 'ok';
  } catch {
    return false;
  }
}
