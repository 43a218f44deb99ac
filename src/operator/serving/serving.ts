/** The operator's HTTPS listener with its certificate: it listens as soon as there is one. */
import { isIP } from 'node:net';
import { UsageError } from '../../host/index.ts';
import type { KubeClient } from '../../kube/index.ts';
import type { Clock } from '../../std/index.ts';
import type { Logger, Metrics } from '../../telemetry/index.ts';
import { createServingAuthority } from './authority.ts';
import { createServingListener, type ServingListener, type ServingRoute } from './listener.ts';

export interface ServingFlags {
  /** 0 takes any free port. */
  readonly port: number;
  /** Where others reach the listener; default `https://127.0.0.2:<port>`, for an operator on the machine of its pods. */
  readonly url?: string | undefined;
  /** Name of the Secret with the operator's own authority. */
  readonly authority: string;
}

export interface ServingOptions extends ServingFlags {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Of the operator itself. */
  readonly namespace: string;
  readonly isLeading: () => boolean;
  readonly routes: Readonly<Record<string, ServingRoute>>;
}

export interface Serving {
  /** Resolves once it listens; rejects with {@link UsageError} when the port cannot be had. */
  start(): Promise<void>;
  /** What others are told: where to ask, and whom to trust there; undefined before it listens. */
  endpoint(): { readonly url: string; readonly trusted: string } | undefined;
  stop(): Promise<void>;
}

/** Of this machine, yet not what a pod takes for itself. */
const LOOPBACK = '127.0.0.2';

export function createServing(options: ServingOptions): Serving {
  const { logger, port, url } = options;
  const host = url === undefined ? LOOPBACK : hostOf(url);
  const authority = createServingAuthority({
    ...options,
    name: options.authority,
    // Behind a Service the API server and the pods use one of these names.
    hosts: host.endsWith('.svc') ? [host, `${host}.cluster.local`] : [host],
    service: serviceIn(host, options.namespace),
  });
  let listener: ServingListener | undefined;
  let bound: number | undefined;
  let isStopped = false;
  return {
    async start() {
      const material = await authority.start();
      if (isStopped) return;
      const bind = isLoopback(host) ? host : '0.0.0.0';
      listener = createServingListener({ ...options, host: bind, material });
      authority.onMaterial(listener.setMaterial);
      bound = await listener.start();
      logger.info('operator answers over HTTPS', { url: url ?? `https://${host}:${bound}`, port });
    },
    endpoint() {
      const trusted = authority.trusted();
      if (bound === undefined || trusted === undefined) return undefined;
      return { url: url ?? `https://${host}:${bound}`, trusted };
    },
    async stop() {
      isStopped = true;
      authority.stop();
      await listener?.stop();
    },
  };
}

function hostOf(url: string): string {
  const parsed = URL.parse(url);
  if (parsed?.protocol !== 'https:') {
    throw new UsageError(
      `--serving-url ${url}: give an https address, such as https://operator.team.svc:9443`,
    );
  }
  return parsed.hostname.replace(/^\[(.*)\]$/, '$1');
}

/** The name of the Service that the host name is of, when it is one of this namespace. */
function serviceIn(host: string, namespace: string): string | undefined {
  const [service, ...rest] = host.split('.');
  return rest.join('.') === `${namespace}.svc` ? service : undefined;
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}
