/**
 * The operator's own authority and the certificate it shows: the authority lies in a Secret of the operator's namespace, made and
 * rotated by whoever leads; every operator issues its own certificate from it, in memory.
 */
import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { MANAGER } from '../../api/index.ts';
import { RESOURCES, type KubeClient } from '../../kube/index.ts';
import { issueCertificate } from '../../security/index.ts';
import type { Clock } from '../../std/index.ts';
import type { Logger } from '../../telemetry/index.ts';
import type { Owner } from '../core/index.ts';
import {
  ensureAuthority,
  readAuthority,
  type Authority,
  type AuthorityPlace,
} from '../identity/authority.ts';
import type { ServingMaterial } from './listener.ts';

export interface ServingAuthorityOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly namespace: string;
  /** Name of the Secret. */
  readonly name: string;
  /** Host name or IP address that the operator is asked under. */
  readonly hosts: readonly string[];
  /** Service of the same namespace behind those hosts: the Secret goes with it. Undefined outside of a cluster. */
  readonly service: string | undefined;
  /** Whether this operator may write. */
  readonly isLeading: () => boolean;
}

export interface ServingAuthority {
  /** Resolves with the first certificate; rejects when it was stopped before there was one. */
  start(): Promise<ServingMaterial>;
  /** PEM: who trusts the operator's listener trusts these; undefined before the Secret was read. */
  trusted(): string | undefined;
  /** Calls `listener` whenever another certificate is to be shown. */
  onMaterial(listener: (material: ServingMaterial) => void): void;
  stop(): void;
}

const CERTIFICATE_DAYS = 30;
/** Renewed when less than this is left. */
const RENEWAL_MS = 10 * 86_400_000;
/** Secrets are not watched: this one is looked at this often. */
const RESYNC_MS = 60_000;
/** Until there is one, which who leads makes within moments. */
const RETRY_MS = 100;

export function createServingAuthority(options: ServingAuthorityOptions): ServingAuthority {
  const { clock, logger } = options;
  const first = Promise.withResolvers<ServingMaterial>();
  first.promise.catch(() => undefined);
  let listener: (material: ServingMaterial) => void = () => undefined;
  let authority: Authority | undefined;
  let shown: ServingMaterial | undefined;
  let isStopped = false;
  let cancel = (): void => undefined;
  const look = async (): Promise<void> => {
    authority =
      (await (options.isLeading()
        ? ensureAuthority(placeOf(options, await serviceOf(options)), '', options)
        : readAuthority(placeOf(options), options))) ?? authority;
    if (authority === undefined || isStopped) return;
    if (shown !== undefined && isUsable(shown, authority, clock.wall())) return;
    shown = await issue(authority, options);
    first.resolve(shown);
    listener(shown);
  };
  let told = '';
  const round = async (): Promise<void> => {
    try {
      await look();
      told = '';
    } catch (error) {
      const { message } = error as Error;
      if (message !== told) logger.warn('serving authority not available', { error: message });
      told = message;
    }
    if (isStopped) return;
    cancel = clock.schedule(shown === undefined ? RETRY_MS : RESYNC_MS, () => void round());
  };
  return {
    start() {
      void round();
      return first.promise;
    },
    trusted: () => authority?.trusted,
    onMaterial: (next) => void (listener = next),
    stop() {
      isStopped = true;
      cancel();
      first.reject(new Error('stopped before there was a certificate'));
    },
  };
}

/** Read each time: one that was made anew is another one, and the Secret of the one before is collected. */
async function serviceOf({
  client,
  namespace,
  service: name,
}: ServingAuthorityOptions): Promise<Owner | undefined> {
  if (name === undefined) return undefined;
  const found = await client.get(RESOURCES.services, { namespace, name });
  const uid = found?.metadata.uid;
  return uid === undefined ? undefined : { apiVersion: 'v1', kind: 'Service', name, uid };
}

function placeOf({ namespace, name }: ServingAuthorityOptions, owner?: Owner): AuthorityPlace {
  const labels = { 'app.kubernetes.io/managed-by': MANAGER };
  const owned = owner === undefined ? {} : { ownerReferences: [owner] };
  return {
    namespace,
    name,
    commonName: `${namespace}/${name}`,
    owner,
    secretOf: (data) => ({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { namespace, name, labels, ...owned },
      type: 'Opaque',
      data: { ...data },
    }),
    check(found) {
      if (found.metadata.labels?.['app.kubernetes.io/managed-by'] === MANAGER) return;
      throw new Error(
        `Secret ${name} is not the operator's: delete it, or name another one with --serving-authority`,
      );
    },
  };
}

/** It lasts, and the authority that signs now has signed it. */
function isUsable({ cert }: ServingMaterial, { signing }: Authority, now: number): boolean {
  const certificate = new X509Certificate(cert);
  const signer = new X509Certificate(signing.certificate);
  return certificate.verify(signer.publicKey) && Date.parse(certificate.validTo) - now > RENEWAL_MS;
}

async function issue(
  { signing }: Authority,
  { hosts, clock }: ServingAuthorityOptions,
): Promise<ServingMaterial> {
  const { certificate, key } = await issueCertificate(signing, {
    commonName: MANAGER,
    dnsNames: hosts.filter((host) => isIP(host) === 0),
    ipAddresses: hosts.filter((host) => isIP(host) !== 0),
    uris: [],
    validityDays: CERTIFICATE_DAYS,
    now: new Date(clock.wall()),
  });
  return { cert: certificate, key };
}
