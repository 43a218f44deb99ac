/** The cluster's own authority and its certificate, kept in two Secrets: made once, renewed before they end. */
import type { McpCluster } from '../api/index.ts';
import { isAlreadyExists, RESOURCES, type KubeClient } from '../kube/index.ts';
import {
  certificateExpiry,
  clusterUri,
  createCertificateAuthority,
  issueCertificate,
  type KeyPair,
  type TlsMaterial,
} from '../security/index.ts';
import type { Clock } from '../std/index.ts';
import { ForeignObjectError, type Applier } from './applier.ts';
import {
  authoritySecret,
  certificateNames,
  objectNames,
  ownerOf,
  ownershipOf,
  tlsSecret,
  type Secret,
} from './core/index.ts';

const AUTHORITY_DAYS = 3650;
const CERTIFICATE_DAYS = 90;
/** Renewed when less than this is left. */
const RENEWAL_MS = 30 * 86_400_000;

export interface CertificateOptions {
  readonly client: KubeClient;
  readonly applier: Applier;
  readonly clock: Clock;
}

/** The material of a cluster as its Secrets hold it, after whatever was missing or about to end has been made. */
export async function ensureCertificates(
  cluster: McpCluster,
  options: CertificateOptions,
): Promise<TlsMaterial> {
  const authority = await ensureAuthority(cluster, options);
  const { clock, client, applier } = options;
  const { namespace, name } = cluster.metadata;
  const ref = { namespace, name: objectNames(name).tlsSecret };
  const found = await client.get<Secret>(RESOURCES.secrets, ref);
  const current = found === undefined ? undefined : materialOf(found);
  if (current !== undefined && isUsable(current, authority, clock.wall())) {
    // Labels and owner may have been edited; the content stays.
    await applier.ensure(RESOURCES.secrets, tlsSecret(cluster, encoded(current)), found);
    return current;
  }
  const issued = await issueCertificate(authority, {
    commonName: name,
    dnsNames: certificateNames(cluster),
    ipAddresses: [],
    uris: [clusterUri(cluster.metadata.uid)],
    validityDays: CERTIFICATE_DAYS,
    now: new Date(clock.wall()),
  });
  const material = { ca: authority.certificate, cert: issued.certificate, key: issued.key };
  await applier.ensure(RESOURCES.secrets, tlsSecret(cluster, encoded(material)), found);
  return material;
}

/** The material of a cluster as its Secret holds it; undefined when there is none. Writes nothing. */
export async function readCertificates(
  cluster: McpCluster,
  client: KubeClient,
): Promise<TlsMaterial | undefined> {
  const { namespace, name } = cluster.metadata;
  const ref = { namespace, name: objectNames(name).tlsSecret };
  const secret = await client.get<Secret>(RESOURCES.secrets, ref);
  if (secret === undefined || ownershipOf(secret, ownerOf(cluster)).kind === 'foreign') {
    return undefined;
  }
  return materialOf(secret);
}

/** The authority is created, never applied: two operators that race must end with one key. */
async function ensureAuthority(
  cluster: McpCluster,
  { client, clock }: CertificateOptions,
): Promise<KeyPair> {
  const { namespace, name } = cluster.metadata;
  const ref = { namespace, name: objectNames(name).authoritySecret };
  const read = async (): Promise<KeyPair | undefined> => {
    const secret = await client.get<Secret>(RESOURCES.secrets, ref);
    if (secret === undefined) return undefined;
    const ownership = ownershipOf(secret, ownerOf(cluster));
    if (ownership.kind === 'foreign') throw new ForeignObjectError(secret, ownership.owner);
    const pair = {
      certificate: decoded(secret.data?.['ca.crt']),
      key: decoded(secret.data?.['ca.key']),
    };
    if (pair.certificate === '' || pair.key === '') {
      throw new ForeignObjectError(secret, 'somebody who removed ca.crt or ca.key');
    }
    return pair;
  };
  const found = await read();
  if (found !== undefined) return found;
  const made = await createCertificateAuthority({
    commonName: `${namespace}/${name}`,
    validityDays: AUTHORITY_DAYS,
    now: new Date(clock.wall()),
  });
  const data = { 'ca.crt': base64(made.certificate), 'ca.key': base64(made.key) };
  try {
    await client.create(RESOURCES.secrets, authoritySecret(cluster, data));
    return made;
  } catch (error) {
    const other = isAlreadyExists(error) ? await read() : undefined;
    if (other === undefined) throw error;
    return other;
  }
}

function isUsable(material: TlsMaterial, authority: KeyPair, nowMs: number): boolean {
  if (material.ca !== authority.certificate) return false;
  try {
    return certificateExpiry(material.cert).getTime() - nowMs > RENEWAL_MS;
  } catch {
    return false;
  }
}

function materialOf(secret: Secret): TlsMaterial {
  return {
    ca: decoded(secret.data?.['ca.crt']),
    cert: decoded(secret.data?.['tls.crt']),
    key: decoded(secret.data?.['tls.key']),
  };
}

function encoded(material: TlsMaterial) {
  return {
    'ca.crt': base64(material.ca),
    'tls.crt': base64(material.cert),
    'tls.key': base64(material.key),
  };
}

function base64(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64');
}

function decoded(text = ''): string {
  return Buffer.from(text, 'base64').toString('utf8');
}
