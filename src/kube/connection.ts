/** Where the API server is and how to prove who we are: from a kubeconfig, the pod's service account, or given material. */
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { ProxyAgent, type Dispatcher } from 'undici';
import type { KubeConfig } from '@kubernetes/client-node';
import { UsageError } from '../host/index.ts';
import { unreachable } from '../std/index.ts';
import { CONNECT_TIMEOUT_MS, IDLE_CONNECTION_MS, pooledAgent, type TlsOptions } from './agent.ts';
import { createServiceAccountConnection } from './service-account.ts';

const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

/** What one request needs: the pooled TLS connections and the headers that authenticate it. */
export interface RequestCredentials {
  readonly dispatcher: Dispatcher;
  readonly headers: Readonly<Record<string, string>>;
}

/** A way to one API server. Ask for credentials before each request: tokens and certificates rotate. */
export interface KubeConnection {
  /** Base URL without a trailing slash. */
  readonly server: string;
  /** Namespace of the current context; `default` when it names none. */
  readonly namespace: string;
  credentials(): Promise<RequestCredentials>;
  /** Cuts every connection. */
  close(): Promise<void>;
}

export interface DirectConnectionOptions {
  /** `https://host:port`. */
  readonly server: string;
  /** PEM. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly token?: string;
  /** Acts as this user (`Impersonate-User`), for tests of least privilege. */
  readonly impersonateUser?: string;
  readonly namespace?: string;
}

/** A connection from material at hand, without a kubeconfig; loads no client library. */
export function createKubeConnection(options: DirectConnectionOptions): KubeConnection {
  const { ca, cert, key } = options;
  const agent = pooledAgent({
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  });
  const headers: Record<string, string> = {};
  if (options.token !== undefined) headers['authorization'] = `Bearer ${options.token}`;
  if (options.impersonateUser !== undefined) headers['impersonate-user'] = options.impersonateUser;
  return {
    server: options.server.replace(/\/+$/, ''),
    namespace: options.namespace ?? 'default',
    credentials: async () => ({ dispatcher: agent, headers }),
    close: () => agent.destroy(),
  };
}

export interface LoadOptions {
  readonly kubeconfig?: string;
  /** Context of the kubeconfig; default: its current one. A service account has none. */
  readonly context?: string;
  /** Where the kubelet mounted the files of the service account, when not at the usual place. */
  readonly serviceAccountDir?: string;
  /** Overrides the kubeconfig's. */
  readonly impersonateUser?: string;
}

/**
 * A connection from `kubeconfig`, or in this order: `$KUBECONFIG`, the pod's service account, `~/.kube/config`.
 * Rejects with {@link UsageError} when there is none or it is unusable.
 */
export async function loadKubeConnection(options: LoadOptions = {}): Promise<KubeConnection> {
  const { impersonateUser } = options;
  const fromEnvironment = process.env['KUBECONFIG']?.split(delimiter).find((path) => path !== '');
  const given = options.kubeconfig ?? fromEnvironment;
  const host = process.env['KUBERNETES_SERVICE_HOST'];
  const directory = options.serviceAccountDir ?? SERVICE_ACCOUNT;
  if (
    given === undefined &&
    options.context === undefined &&
    host !== undefined &&
    existsSync(directory)
  ) {
    const port = process.env['KUBERNETES_SERVICE_PORT'] ?? '443';
    const who = impersonateUser === undefined ? {} : { impersonateUser };
    return createServiceAccountConnection({ host, port, directory, ...who });
  }
  const config = await loadConfig(given ?? join(homedir(), '.kube', 'config'));
  if (options.context !== undefined) useContext(config, options.context);
  const cluster = config.getCurrentCluster();
  if (cluster === null) {
    throw new UsageError(
      'the kubeconfig has no current context with a cluster: set current-context',
    );
  }
  if (cluster.server.startsWith('http:') && !cluster.skipTLSVerify) {
    throw new UsageError(
      `the kubeconfig names ${cluster.server}, which is not https: set insecure-skip-tls-verify: true if that is meant`,
    );
  }
  const dispatchers = createDispatcherCache(config);
  return {
    server: cluster.server.replace(/\/+$/, ''),
    namespace: config.getContextObject(config.getCurrentContext())?.namespace ?? 'default',
    async credentials() {
      const headers: Record<string, string> = {};
      await config.applySecurityAuthentication({
        setHeaderParam: (name: string, value: string) => {
          headers[name.toLowerCase()] = value;
        },
        setDispatcher: () => undefined,
      } as unknown as Parameters<KubeConfig['applySecurityAuthentication']>[0]);
      if (impersonateUser !== undefined) {
        headers['impersonate-user'] = impersonateUser;
      }
      return { dispatcher: dispatchers.current(), headers };
    },
    close: () => dispatchers.close(),
  };
}

function useContext(config: KubeConfig, context: string): void {
  const known = config.getContexts().map(({ name }) => name);
  if (!known.includes(context)) {
    throw new UsageError(
      `the kubeconfig has no context ${context}: it has ${known.join(', ') || 'none'}`,
    );
  }
  config.setCurrentContext(context);
}

async function loadConfig(file: string): Promise<KubeConfig> {
  // Imported here because its generated models cost half a second, which a pod need not pay.
  const clientNode = await import('@kubernetes/client-node/dist/config.js');
  const config = new clientNode.KubeConfig();
  if (!existsSync(file)) {
    throw new UsageError(`no kubeconfig at ${file}: give --kubeconfig FILE or set KUBECONFIG`);
  }
  try {
    config.loadFromFile(file);
  } catch {
    // The parser quotes the file's text, which holds keys.
    throw new UsageError(`${file} is not a kubeconfig: its YAML cannot be read`);
  }
  return config;
}

type DispatcherOptions = ReturnType<KubeConfig['createDispatcherOptions']>;

/** The private method whose result client-node throws away after each call: a TLS handshake per request. */
interface DispatcherFactory {
  createDispatcher(cluster: unknown, options: TlsOptions): Dispatcher | undefined;
}

interface DispatcherCache {
  current(): Dispatcher;
  close(): Promise<void>;
}

/** One pool of connections for as long as CA, certificate and key stay what they are. */
function createDispatcherCache(config: KubeConfig): DispatcherCache {
  const factory = config as unknown as DispatcherFactory;
  const createUncached = factory.createDispatcher.bind(config);
  let cached: { readonly key: string; readonly dispatcher: Dispatcher } | undefined;
  factory.createDispatcher = (cluster, tls) => {
    const key = cacheKey(tls);
    if (cached?.key !== key) {
      // Watches under way on the old certificate end by themselves; close() lets them.
      void cached?.dispatcher.close().catch(() => undefined);
      const options = config.createDispatcherOptions(config.getCurrentCluster(), tls);
      cached = { key, dispatcher: createDispatcher(options, () => createUncached(cluster, tls)) };
    }
    return cached.dispatcher;
  };
  return {
    current() {
      if (cached === undefined) throw new UsageError('the kubeconfig has no current user');
      return cached.dispatcher;
    },
    close: async () => cached?.dispatcher.destroy(),
  };
}

function createDispatcher(
  options: DispatcherOptions,
  createSocks: () => Dispatcher | undefined,
): Dispatcher {
  switch (options.type) {
    case 'proxy':
      return new ProxyAgent({
        uri: options.uri,
        requestTls: { ...(options.requestTls as TlsOptions), timeout: CONNECT_TIMEOUT_MS },
        bodyTimeout: 0,
        keepAliveTimeout: IDLE_CONNECTION_MS,
      });
    case 'socks':
      return createSocks() ?? pooledAgent({});
    case 'agent':
      return pooledAgent(options.connect as TlsOptions);
    case 'none':
      return pooledAgent({});
    default:
      return unreachable(options);
  }
}

function cacheKey(tls: TlsOptions): string {
  return [tls.ca, tls.cert, tls.key, tls.pfx, tls.passphrase, tls.servername]
    .map((part) => part?.toString('latin1') ?? '')
    .concat(String(tls.rejectUnauthorized))
    .join('\0');
}
