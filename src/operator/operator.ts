/** The operator as a whole: what it is made of, in which order it starts, and how it ends. */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import {
  createController,
  createEventRecorder,
  createKubeClient,
  createLeaderElection,
  loadKubeConnection,
  type Controller,
  type EventRecorder,
  type KubeClient,
  type LeaderElection,
} from '../kube/index.ts';
import { createLifecycle, systemClock, systemRandom, type Lifecycle } from '../host/index.ts';
import { VERSION, type Clock, type Random } from '../std/index.ts';
import { createMetrics, type Logger, type Metrics } from '../telemetry/index.ts';
import { ADMISSION_PATH, admissionRoute } from './admission/route.ts';
import { createWebhookTrust } from './admission/trust.ts';
import { createApplier } from './applier.ts';
import { createCaches, type Caches } from './caches.ts';
import { createClusterMetrics } from './cluster-metrics.ts';
import { requireDefinition } from './definition.ts';
import { createFleet } from './fleet.ts';
import { startHealthServer } from './health-server.ts';
import { createOwnSigner } from './identity/own-signer.ts';
import { createRefusedPods, type RefusedPods } from './identity/refused-pods.ts';
import { CERTIFICATES_PATH, createCertificateRoute } from './identity/route.ts';
import type { CertificateSigner } from './identity/signer.ts';
import { createClusterSigner } from './issuer/cluster-signer.ts';
import { createPodReplacer } from './pod-replacer.ts';
import type { SidecarClient } from './ports.ts';
import { createReconciler } from './reconciler.ts';
import { createServing, type Serving, type ServingFlags } from './serving/serving.ts';
import { createServerLogs } from './server-logs.ts';
import { createSidecarClient } from './sidecar-client.ts';
import { createSpecFacts } from './spec-facts.ts';
import { createStatusWriter } from './status-writer.ts';

/** Image of operator and sidecar when none is given. */
export const DEFAULT_IMAGE = `ghcr.io/mcp-cluster/mcp-cluster:${VERSION}`;
const DEFAULT_LEASE_NAME = 'mcp-cluster-operator';
const WORKERS_MAX = 4;

export interface OperatorOptions {
  readonly kubeconfig?: string;
  /** Folder of the service account's files, when not at the usual place. */
  readonly serviceAccountDir?: string;
  /** Namespaces to watch; all when absent or empty. */
  readonly watchNamespaces?: readonly string[];
  /** Wait for the Lease before anything is written. Default true. */
  readonly leaderElect?: boolean;
  /** Where the Lease is; by default the namespace of the process, or of the kubeconfig. */
  readonly leaseNamespace?: string;
  /** Name of the Lease, default `mcp-cluster-operator`: two operators in one namespace need two. */
  readonly leaseName?: string;
  readonly sidecarImage?: string;
  /** Namespace of the operator's own pod; by default what POD_NAMESPACE says, which a process outside of Kubernetes has not. */
  readonly podNamespace?: string;
  /** The HTTPS listener for pods and the API server; none when absent. */
  readonly serving?: ServingFlags;
  /** Name of the ValidatingWebhookConfiguration by which the API server asks that listener; it does not when absent. */
  readonly webhookConfiguration?: string;
  /** `host:port` of health and metrics; none when absent. */
  readonly healthAddress?: string;
  readonly logger: Logger;
  readonly metrics?: Metrics;
  readonly clock?: Clock;
  readonly random?: Random;
  /** Stands in for the API server's and the sidecars' real clients, in tests. */
  readonly client?: KubeClient;
  readonly sidecars?: SidecarClient;
}

export interface RunningOperator {
  /** Where health and metrics are served; undefined when they are not. */
  readonly healthAddress: { readonly host: string; readonly port: number } | undefined;
  /** Resolves when the operator was stopped, rejects when it cannot go on (the Lease was lost). */
  readonly done: Promise<void>;
  stop(): Promise<void>;
}

interface Context {
  readonly options: OperatorOptions;
  readonly client: KubeClient;
  readonly signer: CertificateSigner;
  readonly refusedPods: RefusedPods;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly random: Random;
  readonly lifecycle: Lifecycle;
}

/**
 * Starts the operator and returns once it watches; rejects with {@link UsageError} when the API server has no McpCluster
 * definition, the kubeconfig is unusable or the health address cannot be had.
 */
export async function runOperator(options: OperatorOptions): Promise<RunningOperator> {
  const { logger } = options;
  const clock = options.clock ?? systemClock;
  const random = options.random ?? systemRandom;
  const metrics = options.metrics ?? createMetrics({ processMetrics: true });
  const lifecycle = createLifecycle();
  const ended = Promise.withResolvers<void>();
  ended.promise.catch(() => undefined);
  const stop = async (): Promise<void> => {
    for (const { name, error } of await lifecycle.stop()) {
      logger.warn('part did not stop cleanly', { part: name, error: String(error) });
    }
    ended.resolve();
  };
  try {
    const election: { current?: LeaderElection } = {};
    const isLeading = (): boolean =>
      options.leaderElect === false || election.current?.isLeader() === true;
    const { client, electionClient, servingClient, namespace } = await openClient(
      options,
      { clock, random, metrics },
      { lifecycle, isLeading },
    );
    const own = createOwnSigner({ client, clock, random });
    const signer = createClusterSigner({ own, client: servingClient, clock });
    const refusedPods = createRefusedPods(clock);
    const tools = { logger, metrics, clock, random, lifecycle };
    const context = { options, client, signer, refusedPods, ...tools };
    // Registered before the controller, so that the Lease is given up only when nothing writes any more.
    lifecycle.add('leader election', () => election.current?.stop());
    const caches = openCaches(context);
    // Alone at first: the handshake of this connection spares the others theirs, and without it they are of no use.
    await requireDefinition(caches.clusters);
    // A pod asks whoever it reaches, so what that takes is not for the leader alone.
    const serving = serve(context, {
      client: servingClient,
      namespace: options.leaseNamespace ?? namespace,
      isLeading,
      caches,
    });
    const listening = serving?.start();
    listening?.catch(ended.reject);
    const controller = assemble(context, caches, serving);
    const isReady = (): boolean =>
      caches.informers.every((informer) => informer.hasSynced()) &&
      (serving === undefined || serving.endpoint() !== undefined);
    const health = await startHealth(context, isReady);
    // Before the Lease is had: who waits for it is ready, so that a rollout ends, and warm, so that taking over is quick.
    for (const informer of caches.informers) informer.start();
    const lead = (): void => void startControlling(context, { caches, controller, listening });
    if (options.leaderElect === false) lead();
    else {
      const on = { lead, lost: ended.reject };
      election.current = elect(
        { ...context, client: electionClient },
        options.leaseNamespace ?? namespace,
        on,
      );
    }
    return { healthAddress: health, done: ended.promise, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

interface Clients {
  /** Writes only while this process leads. */
  readonly client: KubeClient;
  readonly electionClient: KubeClient;
  /** For what is answered to others, whoever leads. */
  readonly servingClient: KubeClient;
}

async function openClient(
  options: OperatorOptions,
  parts: { clock: Clock; random: Random; metrics: Metrics },
  { lifecycle, isLeading }: { lifecycle: Lifecycle; isLeading: () => boolean },
): Promise<Clients & { namespace: string }> {
  const { kubeconfig, serviceAccountDir, client: given } = options;
  if (given !== undefined) {
    const clients = { client: given, electionClient: given, servingClient: given };
    return { ...clients, namespace: 'default' };
  }
  const connection = await loadKubeConnection({
    ...(kubeconfig === undefined ? {} : { kubeconfig }),
    ...(serviceAccountDir === undefined ? {} : { serviceAccountDir }),
  });
  const common = { ...parts, userAgent: 'mcp-cluster-operator' };
  const client = createKubeClient(connection, { ...common, mayWrite: isLeading });
  // Renewing the Lease neither waits behind the controllers' rate limit nor needs the Lease.
  const electionClient = createKubeClient(connection, common);
  const servingClient = createKubeClient(connection, common);
  lifecycle.add('API client', () => client.close());
  return {
    client,
    electionClient,
    servingClient,
    namespace: process.env['POD_NAMESPACE'] ?? connection.namespace,
  };
}

function openCaches({ options, lifecycle, ...context }: Context): Caches {
  const caches = createCaches({ ...context, namespaces: options.watchNamespaces ?? [] });
  for (const informer of caches.informers) lifecycle.add('informer', () => informer.stop());
  return caches;
}

/** Plugs the parts together; nothing runs yet. Parts stop in the opposite order. */
function assemble(context: Context, caches: Caches, serving: Serving | undefined): Controller {
  const { options, client, signer, refusedPods, metrics, lifecycle, ...common } = context;
  const { logger, clock, random } = common;
  const recorder = createRecorder(context);
  const clusterMetrics = createClusterMetrics(metrics);
  const fleet = createFleet({
    client: options.sidecars ?? createSidecarClient({ clock, random }),
    clock,
    onChange: (key) => controller.enqueue(key),
    signer,
    onTls: clusterMetrics.certificates,
  });
  lifecycle.add('sidecar monitors', () => fleet.stop());
  const reconcile = createReconciler({
    client,
    caches,
    fleet,
    applier: createApplier({ client, logger }),
    statusWriter: createStatusWriter({ client, recorder, clock, clusterMetrics }),
    recorder,
    replacer: createPodReplacer({ client, fleet, recorder, clock, logger }),
    serverLogs: createServerLogs({ client, clock }),
    specFacts: createSpecFacts({ client, clock }),
    ...common,
    signer,
    refusedPods,
    serving: serving && (() => serving.endpoint()),
    sidecarImage: options.sidecarImage ?? DEFAULT_IMAGE,
    operatorNamespace: options.podNamespace ?? process.env['POD_NAMESPACE'],
  });
  const controller: Controller = createController({
    name: 'mcpcluster',
    reconcile,
    ...common,
    metrics,
    workersMax: WORKERS_MAX,
    backoff: { initialMs: 100, maxMs: 30_000 },
  });
  lifecycle.add('controller', () => controller.stop());
  return controller;
}

/** Begun at once, whoever leads: each operator answers. */
function serve(
  { options, lifecycle, ...context }: Context,
  own: {
    /** Must work without the Lease. */
    readonly client: KubeClient;
    readonly namespace: string;
    readonly isLeading: () => boolean;
    readonly caches: Caches;
  },
): Serving | undefined {
  const { serving: flags, webhookConfiguration: name } = options;
  if (flags === undefined) return undefined;
  const { client, ...rest } = context;
  const asked = { ...rest, client: own.client, caches: own.caches };
  const admission = admissionRoute(asked);
  const routes = {
    [CERTIFICATES_PATH]: createCertificateRoute(asked),
    ...(name === undefined ? {} : { [ADMISSION_PATH]: admission }),
  };
  const serving = createServing({ ...context, ...own, ...flags, routes });
  lifecycle.add('HTTPS listener', () => serving.stop());
  if (name !== undefined) {
    const trusted = (): string | undefined => serving.endpoint()?.trusted;
    const trust = createWebhookTrust({ ...context, ...own, client, name, trusted });
    trust.start();
    lifecycle.add('caBundle of the webhook', () => trust.stop());
  }
  return serving;
}

function createRecorder(context: Context): EventRecorder {
  const { client, clock, random, logger, metrics, lifecycle } = context;
  const instance = process.env['POD_NAME'] ?? hostname();
  const controller = 'mcpcluster.io/operator';
  const recorder = createEventRecorder({
    client,
    controller,
    instance,
    clock,
    random,
    logger,
    metrics,
  });
  lifecycle.add('events', () => recorder.flush());
  return recorder;
}

async function startHealth(context: Context, isReady: () => boolean) {
  const { healthAddress: address } = context.options;
  if (address === undefined) return undefined;
  const server = await startHealthServer({ address, isReady, metrics: context.metrics });
  context.lifecycle.add('health server', () => server.stop());
  return server.address;
}

async function startControlling(
  { logger, refusedPods }: Context,
  {
    caches,
    controller,
    listening,
  }: {
    readonly caches: Caches;
    readonly controller: Controller;
    /** Pods are told where to ask for their certificates, so there must be somebody to ask. */
    readonly listening: Promise<void> | undefined;
  },
): Promise<void> {
  try {
    await Promise.all([...caches.informers.map((informer) => informer.waitForSync()), listening]);
  } catch {
    // Stopped before the first lists were there.
    return;
  }
  caches.onChange((key) => controller.enqueue(key));
  refusedPods.onChange((key) => controller.enqueue(key));
  controller.start();
  logger.info('operator watches', { clusters: caches.clusters.list().length });
}

function elect(
  context: Context,
  namespace: string,
  on: { readonly lead: () => void; readonly lost: (error: Error) => void },
): LeaderElection {
  const { client, clock, random, logger, metrics } = context;
  const name = context.options.leaseName ?? DEFAULT_LEASE_NAME;
  const election = createLeaderElection({
    client,
    namespace,
    name,
    identity: `${process.env['POD_NAME'] ?? hostname()}_${randomUUID()}`,
    clock,
    random,
    logger,
    metrics,
    onElected: on.lead,
    onLost: () => on.lost(new Error(`the Lease ${namespace}/${name} was lost`)),
  });
  election.start();
  return election;
}
