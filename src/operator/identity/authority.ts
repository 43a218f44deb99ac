/**
 * A certificate authority in a Secret that no pod mounts. A new one is trusted everywhere before it signs anything, and the one
 * before it is trusted until nothing signed by it is left: at no moment do two ends fail to accept each other.
 */
import { X509Certificate } from 'node:crypto';
import { isAlreadyExists, isConflict, RESOURCES, type KubeClient } from '../../kube/index.ts';
import {
  certificateExpiry,
  createCertificateAuthority,
  type KeyPair,
} from '../../security/index.ts';
import { decodeBase64, encodeBase64, type Clock } from '../../std/index.ts';
import { ForeignObjectError } from '../ownership.ts';
import type { Owner, Secret } from '../core/index.ts';

const DAY_MS = 86_400_000;
const AUTHORITY_DAYS = 3_650;
/** Replaced when less than this is left: more than any certificate that it may have signed lasts. */
const RENEWAL_MS = 400 * DAY_MS;
/** One that begins later than this was made by a clock that was ahead; clocks of two operators differ less. */
const AHEAD_MS = 3_600_000;
/** A mounted volume is everywhere within two minutes, unless a node is away; it has a day to come back. */
export const OVERLAP_MS = DAY_MS;

/** Whose authority it is, and where it lies. */
export interface AuthorityPlace {
  readonly namespace: string;
  readonly name: string;
  readonly commonName: string;
  /** What the Secret goes with, when it is not made so at once: written into one that has another owner or none. */
  readonly owner?: Owner | undefined;
  /** The Secret as it is created; `data` is in base64. */
  readonly secretOf: (data: AuthorityData) => Secret;
  /** Throws {@link ForeignObjectError} when the Secret that is there is somebody else's. */
  readonly check: (found: Secret) => void;
}

export interface AuthorityData {
  readonly 'ca.crt': string;
  readonly 'ca.key': string;
  /** The authority before this one, as long as it is trusted. */
  readonly 'previous.crt'?: string;
  /** Its key, as long as it signs in place of the new one. */
  readonly 'previous.key'?: string;
}

export interface Authority {
  /** What signs now: the newest that everybody trusts, if its key is left. */
  readonly signing: KeyPair;
  /** PEM: all authorities whose certificates are accepted, the newest first. */
  readonly trusted: string;
  /** When everybody trusts the newest, on the wall clock in milliseconds; undefined when everybody does. */
  readonly knownAt: number | undefined;
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
  place: AuthorityPlace,
  inUse: string,
  { client, clock }: AuthorityOptions,
): Promise<Authority> {
  const now = clock.wall();
  const found = (await read(place, client)) ?? (await create(place, inUse, { client, clock }));
  if (place.owner !== undefined && !found.owners.includes(place.owner.uid)) {
    const owned = await change(place, found, { ownerReferences: [place.owner] }, client);
    return authorityOf(owned, now);
  }
  const { newest, previous } = found;
  const ageMs = ageOf(newest, now);
  if (certificateExpiry(newest.certificate).getTime() - now < RENEWAL_MS) {
    const data = dataOf(await make(place, now), newest);
    return authorityOf(await change(place, found, { data }, client), now);
  }
  // Nobody whose clock is right accepts what it signs, for as long as the clock was ahead.
  if (ageMs < -AHEAD_MS && previous.key === '') {
    const data = dataOf(await make(place, now), { ...newest, key: '' });
    return authorityOf(await change(place, found, { data }, client), now);
  }
  if (previous.certificate !== '' && ageMs >= 2 * OVERLAP_MS) {
    const retired = { 'previous.crt': null, 'previous.key': null };
    return authorityOf(await change(place, found, { data: retired }, client), now);
  }
  return authorityOf(found, now);
}

/** The authority as its Secret has it; undefined when there is none. Writes nothing. */
export async function readAuthority(
  place: AuthorityPlace,
  { client, clock }: AuthorityOptions,
): Promise<Authority | undefined> {
  const found = await read(place, client);
  return found === undefined ? undefined : authorityOf(found, clock.wall());
}

interface Found {
  readonly newest: KeyPair;
  /** Texts are empty when there is none, or only its certificate is left. */
  readonly previous: KeyPair;
  readonly resourceVersion: string | undefined;
  /** Uids. */
  readonly owners: readonly string[];
}

function authorityOf({ newest, previous }: Found, now: number): Authority {
  const trusted = newest.certificate + previous.certificate;
  const waitMs = OVERLAP_MS - ageOf(newest, now);
  // The first authority of all has nobody to wait for, and one whose predecessor's key was lost must sign what is asked for.
  return {
    signing: previous.key !== '' && waitMs > 0 ? previous : newest,
    trusted,
    knownAt: previous.certificate !== '' && waitMs > 0 ? now + waitMs : undefined,
  };
}

function ageOf({ certificate }: KeyPair, now: number): number {
  return now - Date.parse(new X509Certificate(certificate).validFrom);
}

async function read(place: AuthorityPlace, client: KubeClient): Promise<Found | undefined> {
  const { namespace, name } = place;
  const secret = await client.get<Secret>(RESOURCES.secrets, { namespace, name });
  return secret === undefined ? undefined : foundOf(place, secret);
}

function foundOf(place: AuthorityPlace, secret: Secret): Found {
  place.check(secret);
  const text = (key: string): string => decodeBase64(secret.data?.[key] ?? '');
  const newest = { certificate: text('ca.crt'), key: text('ca.key') };
  if (newest.certificate === '' || newest.key === '') {
    throw new ForeignObjectError(secret, 'somebody who removed ca.crt or ca.key');
  }
  return {
    newest,
    previous: { certificate: text('previous.crt'), key: text('previous.key') },
    resourceVersion: secret.metadata.resourceVersion,
    owners: (secret.metadata.ownerReferences ?? []).map(({ uid }) => uid),
  };
}

function make({ commonName }: AuthorityPlace, now: number): Promise<KeyPair> {
  const validityDays = AUTHORITY_DAYS;
  return createCertificateAuthority({ commonName, validityDays, now: new Date(now) });
}

/** As the Secret carries both; a text of the one before that is empty is left out. */
function dataOf(newest: KeyPair, previous: KeyPair): AuthorityData {
  const { certificate, key } = previous;
  return {
    'ca.crt': encodeBase64(newest.certificate),
    'ca.key': encodeBase64(newest.key),
    ...(certificate === '' ? {} : { 'previous.crt': encodeBase64(certificate) }),
    ...(key === '' ? {} : { 'previous.key': encodeBase64(key) }),
  };
}

/** Created, never applied: two operators that race must end with one key. */
async function create(
  place: AuthorityPlace,
  inUse: string,
  { client, clock }: AuthorityOptions,
): Promise<Found> {
  const made = await make(place, clock.wall());
  const previous = { certificate: inUse, key: '' };
  try {
    const secret = place.secretOf(dataOf(made, previous));
    return foundOf(place, await client.create<Secret>(RESOURCES.secrets, secret));
  } catch (error) {
    const other = isAlreadyExists(error) ? await read(place, client) : undefined;
    if (other === undefined) throw error;
    return other;
  }
}

/** Changes the Secret only as it was read; when another operator was first, what that one wrote counts. */
async function change(
  place: AuthorityPlace,
  { resourceVersion }: Found,
  {
    ownerReferences,
    ...changes
  }: {
    readonly data?: AuthorityData | Readonly<Record<string, null>>;
    readonly ownerReferences?: readonly Owner[];
  },
  client: KubeClient,
): Promise<Found> {
  const { namespace, name } = place;
  const metadata = { resourceVersion, ...(ownerReferences && { ownerReferences }) };
  const body = { metadata, ...changes };
  try {
    const options = { type: 'merge', body } as const;
    const changed = await client.patch<Secret>(RESOURCES.secrets, { namespace, name }, options);
    return foundOf(place, changed);
  } catch (error) {
    const other = isConflict(error) ? await read(place, client) : undefined;
    if (other === undefined) throw error;
    return other;
  }
}
