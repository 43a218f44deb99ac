/**
 * The authority of a cluster, in a Secret that no pod mounts. A new one is trusted everywhere before it signs anything, and the
 * one before it is trusted until nothing signed by it is left: at no moment do two members fail to accept each other.
 */
import { X509Certificate } from 'node:crypto';
import type { McpCluster } from '../api/index.ts';
import { isAlreadyExists, isConflict, RESOURCES, type KubeClient } from '../kube/index.ts';
import { certificateExpiry, createCertificateAuthority, type KeyPair } from '../security/index.ts';
import type { Clock } from '../std/index.ts';
import { ForeignObjectError } from './applier.ts';
import { authoritySecret, objectNames, ownerOf, ownershipOf, type Secret } from './core/index.ts';

const DAY_MS = 86_400_000;
const AUTHORITY_DAYS = 3_650;
/** Replaced when less than this is left: twice as long as any certificate that it may have signed. */
const RENEWAL_MS = 180 * DAY_MS;
/** A mounted Secret is everywhere within two minutes, unless a node is away; it has a day to come back. */
export const OVERLAP_MS = DAY_MS;

export interface Authority {
  readonly signing: KeyPair;
  /** Everybody trusts `signing` by now, so that it may sign what is in use. */
  readonly isKnown: boolean;
  /** PEM: all authorities whose certificates are accepted. */
  readonly trusted: string;
}

export interface AuthorityOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
}

/**
 * Makes, replaces and retires, one step a call. `inUse` is what signed the certificates in use, PEM, or empty: it stays trusted
 * when the Secret was lost. Rejects with {@link ForeignObjectError} when the Secret is somebody else's.
 */
export async function ensureAuthority(
  cluster: McpCluster,
  inUse: string,
  { client, clock }: AuthorityOptions,
): Promise<Authority> {
  const now = clock.wall();
  const found = (await read(cluster, client)) ?? (await create(cluster, inUse, { client, clock }));
  const { signing, previous } = found;
  const ageMs = now - Date.parse(new X509Certificate(signing.certificate).validFrom);
  if (certificateExpiry(signing.certificate).getTime() - now < RENEWAL_MS) {
    const made = await make(cluster, now);
    const data = {
      'ca.crt': base64(made.certificate),
      'ca.key': base64(made.key),
      'previous.crt': base64(signing.certificate),
    };
    return authorityOf(await change(cluster, found, data, client), now);
  }
  if (previous !== '' && ageMs >= 2 * OVERLAP_MS) {
    return authorityOf(await change(cluster, found, { 'previous.crt': null }, client), now);
  }
  return authorityOf(found, now);
}

interface Found {
  readonly signing: KeyPair;
  /** PEM, empty when there is none. */
  readonly previous: string;
  readonly resourceVersion: string | undefined;
}

function authorityOf({ signing, previous }: Found, now: number): Authority {
  const ageMs = now - Date.parse(new X509Certificate(signing.certificate).validFrom);
  return {
    signing,
    // The first authority of all has nobody to wait for.
    isKnown: previous === '' || ageMs >= OVERLAP_MS,
    trusted: signing.certificate + previous,
  };
}

async function read(cluster: McpCluster, client: KubeClient): Promise<Found | undefined> {
  const { namespace, name } = cluster.metadata;
  const ref = { namespace, name: objectNames(name).authoritySecret };
  const secret = await client.get<Secret>(RESOURCES.secrets, ref);
  return secret === undefined ? undefined : foundOf(cluster, secret);
}

function foundOf(cluster: McpCluster, secret: Secret): Found {
  const ownership = ownershipOf(secret, ownerOf(cluster));
  if (ownership.kind === 'foreign') throw new ForeignObjectError(secret, ownership.owner);
  const certificate = decoded(secret.data?.['ca.crt']);
  const key = decoded(secret.data?.['ca.key']);
  if (certificate === '' || key === '') {
    throw new ForeignObjectError(secret, 'somebody who removed ca.crt or ca.key');
  }
  return {
    signing: { certificate, key },
    previous: decoded(secret.data?.['previous.crt']),
    resourceVersion: secret.metadata.resourceVersion,
  };
}

function make(cluster: McpCluster, now: number): Promise<KeyPair> {
  const { namespace, name } = cluster.metadata;
  return createCertificateAuthority({
    commonName: `${namespace}/${name}`,
    validityDays: AUTHORITY_DAYS,
    now: new Date(now),
  });
}

/** Created, never applied: two operators that race must end with one key. */
async function create(
  cluster: McpCluster,
  inUse: string,
  { client, clock }: AuthorityOptions,
): Promise<Found> {
  const made = await make(cluster, clock.wall());
  const data = {
    'ca.crt': base64(made.certificate),
    'ca.key': base64(made.key),
    ...(inUse === '' ? {} : { 'previous.crt': base64(inUse) }),
  };
  try {
    await client.create(RESOURCES.secrets, authoritySecret(cluster, data));
    return { signing: made, previous: inUse, resourceVersion: undefined };
  } catch (error) {
    const other = isAlreadyExists(error) ? await read(cluster, client) : undefined;
    if (other === undefined) throw error;
    return other;
  }
}

/** Changes the Secret only as it was read; when another operator was first, what that one wrote counts. */
async function change(
  cluster: McpCluster,
  { resourceVersion }: Found,
  data: Readonly<Record<string, string | null>>,
  client: KubeClient,
): Promise<Found> {
  const { namespace, name } = cluster.metadata;
  const ref = { namespace, name: objectNames(name).authoritySecret };
  const body = { metadata: { resourceVersion }, data };
  try {
    const changed = await client.patch<Secret>(RESOURCES.secrets, ref, { type: 'merge', body });
    return foundOf(cluster, changed);
  } catch (error) {
    const other = isConflict(error) ? await read(cluster, client) : undefined;
    if (other === undefined) throw error;
    return other;
  }
}

export function base64(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64');
}

export function decoded(text = ''): string {
  return Buffer.from(text, 'base64').toString('utf8');
}
