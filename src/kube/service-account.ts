/** The way to the API server from inside its cluster: the files that the kubelet mounts, without a kubeconfig and its library. */
import { readFile } from 'node:fs/promises';
import { isIPv6 } from 'node:net';
import { join } from 'node:path';
import { readFileIfExists, UsageError } from '../host/index.ts';
import type { KubeConnection } from './connection.ts';
import { createConnectionPool } from './pool.ts';

export interface ServiceAccountOptions {
  readonly host: string;
  readonly port: string;
  /** With `ca.crt`, `token` and, unless it was left out of the mount, `namespace`. */
  readonly directory: string;
  readonly impersonateUser?: string;
}

/**
 * A connection as the service account of this pod. Token and authority are read again for each request, because the kubelet
 * renews the one before it expires and the other when it changes; requests are few and the files are in memory.
 * Rejects with {@link UsageError} when a file is missing. Source: "Accessing the Kubernetes API from a Pod".
 */
export async function createServiceAccountConnection(
  options: ServiceAccountOptions,
): Promise<KubeConnection> {
  const { host, port, directory, impersonateUser } = options;
  const server = `https://${isIPv6(host) ? `[${host}]` : host}:${port}`;
  const pool = createConnectionPool(server);
  const connection: KubeConnection = {
    server,
    namespace: (await readFileIfExists(join(directory, 'namespace')))?.trim() ?? 'default',
    async credentials() {
      const [ca, token] = await Promise.all([read(directory, 'ca.crt'), read(directory, 'token')]);
      const headers: Record<string, string> = { authorization: `Bearer ${token.trim()}` };
      if (impersonateUser !== undefined) headers['impersonate-user'] = impersonateUser;
      return { agent: pool.agent({ ca }), headers };
    },
    close: async () => pool.close(),
  };
  await connection.credentials();
  return connection;
}

async function read(directory: string, name: string): Promise<string> {
  try {
    return await readFile(join(directory, name), 'utf8');
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code ?? String(error);
    throw new UsageError(
      `${join(directory, name)} of the service account cannot be read (${why}): set automountServiceAccountToken: true`,
    );
  }
}
