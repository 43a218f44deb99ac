/** Who gets which certificate of a cluster: every name in it follows from what somebody is, none from what was asked for. */
import type { McpCluster } from '../../api/index.ts';
import {
  createSigningRequest,
  identityUri,
  readSigningRequest,
  type CertificateNames,
  type Role,
  type SigningRequest,
} from '../../security/index.ts';
import { assert } from '../../std/index.ts';
import { ownerOf, peersHost, podHost, type Owner, type PodOfCluster } from '../core/index.ts';

/** Somebody who gets a certificate of a cluster, with every name that is to stand in it. */
export interface CertificateSubject {
  readonly cluster: McpCluster;
  readonly role: Role;
  /** The pod, for roles that pods have. */
  readonly name: string | undefined;
  readonly commonName: string;
  readonly dnsNames: readonly string[];
  readonly uris: readonly string[];
  /** The pod, or the cluster when it is not for a pod: what is made for the certificate goes with it. */
  readonly owner: Owner;
}

export function podSubject(
  cluster: McpCluster,
  { role, name, uid }: PodOfCluster,
): CertificateSubject {
  const host = podHost(cluster, name);
  return {
    cluster,
    role,
    name,
    commonName: name,
    // Nobody calls a pod that takes backups.
    dnsNames: role === 'member' ? [host, `${host}.cluster.local`, peersHost(cluster)] : [],
    uris: [identityUri({ clusterId: cluster.metadata.uid, role, name })],
    owner: { apiVersion: 'v1', kind: 'Pod', name, uid },
  };
}

/** The operator itself, or an administrator at a terminal. */
export function subjectWithoutPod(
  cluster: McpCluster,
  role: 'operator' | 'administrator',
): CertificateSubject {
  return {
    cluster,
    role,
    name: undefined,
    commonName: role,
    dnsNames: [],
    uris: [identityUri({ clusterId: cluster.metadata.uid, role })],
    owner: ownerOf(cluster),
  };
}

/** A key of our own and the checked request for its certificate. */
export async function requestFor(
  subject: CertificateSubject,
): Promise<{ readonly key: string; readonly request: SigningRequest }> {
  const { key, request } = await createSigningRequest(subject);
  const outcome = await readSigningRequest(request);
  assert(outcome.kind === 'accepted', 'what we ask for can be read');
  return { key, request: outcome.request };
}

/** Whether exactly the names that the subject has are asked for, in any order. */
export function asksForItsNames(asked: CertificateNames, subject: CertificateSubject): boolean {
  const same = (one: readonly string[], other: readonly string[]): boolean =>
    one.length === other.length && one.every((name) => other.includes(name));
  return same(asked.dnsNames, subject.dnsNames) && same(asked.uris, subject.uris);
}
