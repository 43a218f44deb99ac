/** Where the API server is and how to prove who we are: from a kubeconfig, the pod's service account, or given material. */
import { existsSync } from 'node:fs';
import type { Agent } from 'node:http';
import type { RequestOptions } from 'node:https';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import type { KubeConfig } from '@kubernetes/client-node';
import { UsageError } from '../host/index.ts';
import { createConnectionPool, type TlsMaterial } from './pool.ts';
import { createServiceAccountConnection } from './service-account.ts';

const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

/** What one request needs: connections that are kept, and the headers that authenticate it. */
export interface RequestCredentials {
  readonly agent: Agent;
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
  const tls: TlsMaterial = {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
  const server = options.server.replace(/\/+$/, '');
  const pool = createConnectionPool(server);
  const headers: Record<string, string> = {};
  if (options.token !== undefined) headers['authorization'] = `Bearer ${options.token}`;
  if (options.impersonateUser !== undefined) headers['impersonate-user'] = options.impersonateUser;
  return {
    server,
    namespace: options.namespace ?? 'default',
    credentials: async () => ({ agent: pool.agent(tls), headers }),
    close: async () => pool.close(),
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
  const server = cluster.server.replace(/\/+$/, '');
  const isSocks = cluster.proxyUrl?.startsWith('socks') === true;
  const pool = createConnectionPool(server, isSocks ? undefined : cluster.proxyUrl);
  return {
    server,
    namespace: config.getContextObject(config.getCurrentContext())?.namespace ?? 'default',
    async credentials() {
      const options: RequestOptions = {};
      await config.applyToHTTPSOptions(options);
      const headers = headersOf(options);
      if (impersonateUser !== undefined) headers['impersonate-user'] = impersonateUser;
      // Not client-node's agents, which make a TLS handshake for each request; only it knows the way through SOCKS, though.
      const agent = isSocks ? (options.agent as Agent) : pool.agent(materialOf(options));
      return { agent, headers };
    },
    close: async () => pool.close(),
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

function headersOf({ headers = {}, auth }: RequestOptions): Record<string, string> {
  const basic =
    auth == null ? {} : { authorization: `Basic ${Buffer.from(auth).toString('base64')}` };
  const given = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), String(value)]);
  return { ...basic, ...(Object.fromEntries(given) as Record<string, string>) };
}

function materialOf(options: RequestOptions): TlsMaterial {
  const { ca, cert, key, pfx, passphrase, rejectUnauthorized, servername } = options;
  const all = { ca, cert, key, pfx, passphrase, rejectUnauthorized, servername };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
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
