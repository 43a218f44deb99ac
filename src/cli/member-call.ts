/** A call at the admin service of one running member, as a member of its cluster would make it. */
import { X509Certificate } from 'node:crypto';
import { systemClock, systemRandom, UsageError } from '../host/index.ts';
import { createChannel, services, type RpcError } from '../rpc/index.ts';
import { certificateClusterId, openTlsDirectory } from '../security/index.ts';
import { standaloneTlsDirectory } from '../sidecar/index.ts';

/** Longer than any change takes that is going to succeed. */
const CALL_TIMEOUT_MS = 15_000;

export interface MemberFlags {
  /** host:port of a member's cluster port. */
  readonly at: string;
  readonly tlsDir?: string;
}

type AdminClient = ReturnType<typeof adminOf>;

function adminOf(channel: ReturnType<typeof createChannel>) {
  return channel.client(services.admin);
}

/** Calls the admin service as a member of the cluster would: with a certificate of its authority. */
export async function atMember<T>(
  { at, tlsDir }: MemberFlags,
  call: (client: AdminClient, options: { timeoutMs: number }) => Promise<T>,
): Promise<T> {
  const match = /^(?:\[([0-9a-f:.]+)\]|([^:[\]\s]+)):(\d+)$/i.exec(at);
  if (match === null) throw new UsageError(`--at ${at}: expected host:port`);
  const address = { host: (match[1] ?? match[2]) as string, port: Number(match[3]) };
  const directory = tlsDir ?? standaloneTlsDirectory();
  const tls = await openTlsDirectory(directory).catch((error: unknown) => {
    throw new UsageError(`--tls-dir ${directory}: ${(error as Error).message}`);
  });
  const { subjectAltName } = new X509Certificate(tls.current().cert);
  const clusterId = certificateClusterId({ subjectaltname: subjectAltName });
  // Each certificate of a cluster is valid for each of its members' names.
  const serverName = /DNS:([^,\s]+)/.exec(subjectAltName ?? '')?.[1];
  if (clusterId === undefined || serverName === undefined) {
    throw new UsageError(`--tls-dir ${directory}: tls.crt is no certificate of a member`);
  }
  const channel = createChannel({
    resolve: async () => address,
    serverName,
    tls,
    clusterId,
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
