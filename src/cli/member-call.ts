/** A call at the admin service of one running member. */
import { X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock, systemRandom, UsageError } from '../host/index.ts';
import { createChannel, services, type RpcError } from '../rpc/index.ts';
import {
  certificateIdentity,
  identityUri,
  openTlsDirectory,
  type TlsSource,
} from '../security/index.ts';
import { openPodIdentity, standaloneTlsDirectory } from '../sidecar/index.ts';
import { createLogger, createMetrics } from '../telemetry/index.ts';

/** Longer than any change takes that is going to succeed. */
const CALL_TIMEOUT_MS = 15_000;

export interface MemberFlags {
  /** host:port of a member's cluster port. */
  readonly at: string;
  readonly tlsDir?: string;
  /** In a pod that takes backups: what it gets a certificate of its own with. */
  readonly identityDir?: string;
}

type AdminClient = ReturnType<typeof adminOf>;

function adminOf(channel: ReturnType<typeof createChannel>) {
  return channel.client(services.admin);
}

/** Calls the admin service with a certificate of the cluster's authority. */
export async function atMember<T>(
  { at, tlsDir, identityDir }: MemberFlags,
  call: (client: AdminClient, options: { timeoutMs: number }) => Promise<T>,
): Promise<T> {
  const match = /^(?:\[([0-9a-f:.]+)\]|([^:[\]\s]+)):(\d+)$/i.exec(at);
  if (match === null) throw new UsageError(`--at ${at}: expected host:port`);
  const address = { host: (match[1] ?? match[2]) as string, port: Number(match[3]) };
  const tls = identityDir === undefined ? await fromFiles(tlsDir) : await asBackup(identityDir);
  const { subjectAltName } = new X509Certificate(tls.current().cert);
  const identity = certificateIdentity({ subjectaltname: subjectAltName });
  // A certificate that members share is valid for each of them; otherwise they are called by their names.
  const serverName =
    identity?.role === 'shared' ? /DNS:([^,\s]+)/.exec(subjectAltName ?? '')?.[1] : address.host;
  if (identity === undefined || serverName === undefined) {
    throw new UsageError('--tls-dir: tls.crt is no certificate of a cluster');
  }
  const channel = createChannel({
    resolve: async () => address,
    serverName,
    tls,
    clusterId: identity.clusterId,
    clock: systemClock,
    random: systemRandom,
  });
  try {
    return await call(adminOf(channel), { timeoutMs: CALL_TIMEOUT_MS });
  } catch (error) {
    if ((error as Error).name !== 'RpcError') throw error;
    throw new UsageError(`${at}: ${(error as RpcError).message}`);
  } finally {
    channel.close();
    tls.stop();
  }
}

async function fromFiles(
  directory = standaloneTlsDirectory(),
): Promise<TlsSource & { stop(): void }> {
  return openTlsDirectory(directory).catch((error: unknown) => {
    throw new UsageError(`--tls-dir ${directory}: ${(error as Error).message}`);
  });
}

/** The key lives as long as the command: what is kept of it goes at the end. */
async function asBackup(directory: string): Promise<TlsSource & { stop(): void }> {
  const name = process.env['POD_NAME'];
  if (name === undefined) throw new UsageError('--identity-dir: $POD_NAME is not set');
  const clusterId = await readFile(join(directory, 'cluster-id'), 'utf8').catch(
    (error: unknown) => {
      throw new UsageError(`--identity-dir ${directory}: ${(error as Error).message}`);
    },
  );
  const dataRoot = await mkdtemp(join(tmpdir(), 'mcp-cluster-identity-'));
  const role = 'backup';
  const identity = await openPodIdentity({
    directory,
    dataRoot,
    names: { dnsNames: [], uris: [identityUri({ clusterId: clusterId.trim(), role, name })] },
    clock: systemClock,
    random: systemRandom,
    logger: createLogger({ name: role, level: 'warn' }),
    metrics: createMetrics(),
  });
  await rm(dataRoot, { recursive: true, force: true });
  return identity;
}
