/** Mutual TLS without Kubernetes: an authority of this machine's user, shared by every sidecar the user starts. */
import { mkdir, mkdtemp, rename, rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { replaceFile } from '../host/index.ts';
import { createCertificateAuthority, identityUri, issueCertificate } from '../security/index.ts';

/** Cluster id of members that run without Kubernetes and were given no certificates. */
export const STANDALONE_CLUSTER_ID = 'standalone';
const VALIDITY_DAYS = 3650;

/** Name that every standalone member's certificate is valid for. */
export const STANDALONE_SERVER_NAME = 'member.standalone.mcpcluster.local';

/** Where {@link ensureStandaloneTls} keeps what it makes. */
export function standaloneTlsDirectory(): string {
  const state = process.env['XDG_STATE_HOME'] ?? join(homedir(), '.local', 'state');
  return join(state, 'mcp-cluster', 'standalone-tls');
}

/**
 * The folder with `ca.crt`, `tls.crt` and `tls.key` that this user's members share, made at first use. It is good for
 * members on one machine only: the caller refuses addresses that leave it. Safe when several processes start at once.
 */
export async function ensureStandaloneTls(now: Date): Promise<string> {
  const directory = standaloneTlsDirectory();
  if (await exists(join(directory, 'tls.key'))) return directory;
  await mkdir(dirname(directory), { recursive: true, mode: 0o700 });
  const draft = await mkdtemp(`${directory}-`);
  const authority = await createCertificateAuthority({
    commonName: 'mcp-cluster standalone',
    validityDays: VALIDITY_DAYS,
    now,
  });
  const leaf = await issueCertificate(authority, {
    commonName: STANDALONE_SERVER_NAME,
    dnsNames: [STANDALONE_SERVER_NAME, 'localhost'],
    ipAddresses: ['127.0.0.1'],
    uris: [identityUri({ clusterId: STANDALONE_CLUSTER_ID, role: 'shared' })],
    validityDays: VALIDITY_DAYS,
    now,
  });
  await replaceFile(join(draft, 'ca.crt'), authority.certificate);
  await replaceFile(join(draft, 'tls.crt'), leaf.certificate);
  await replaceFile(join(draft, 'tls.key'), leaf.key);
  try {
    await rename(draft, directory);
  } catch {
    // Another member was first: a folder that is not empty cannot be replaced, and its content is the one to use.
    await rm(draft, { recursive: true, force: true });
  }
  return directory;
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
