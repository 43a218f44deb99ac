/** Who is at the other end of a TLS connection: cluster, role and name in the certificate's URI SAN, as SPIFFE does it. */

const SCHEME = 'mcpcluster://';

/**
 * What somebody with a certificate of the cluster is. `shared` is a certificate that several members have together, which
 * exists only where no operator issues them.
 */
export type Role = 'member' | 'operator' | 'backup' | 'administrator' | 'shared';

export interface PeerIdentity {
  readonly clusterId: string;
  readonly role: Role;
  /** The pod; roles of which there is one have none. */
  readonly name?: string | undefined;
}

const NAMED: readonly Role[] = ['member', 'backup'];
const UNNAMED: readonly Role[] = ['operator', 'administrator'];

/** The URI that stands in the certificate of the cluster `clusterId` for this role. */
export function identityUri({ clusterId, role, name }: PeerIdentity): string {
  if (role === 'shared') return `${SCHEME}${clusterId}`;
  return `${SCHEME}${clusterId}/${role}${name === undefined ? '' : `/${name}`}`;
}

/**
 * Who a peer is, from what `tls.TLSSocket.getPeerCertificate()` returns; undefined when the certificate names nobody, or more
 * than one. Only meaningful after the chain was verified.
 */
export function certificateIdentity(
  certificate: { readonly subjectaltname?: string | undefined } | undefined,
): PeerIdentity | undefined {
  const prefix = `URI:${SCHEME}`;
  const [only, ...more] = (certificate?.subjectaltname?.split(', ') ?? []).filter((entry) =>
    entry.startsWith(prefix),
  );
  return only === undefined || more.length > 0 ? undefined : parse(only.slice(prefix.length));
}

function parse(text: string): PeerIdentity | undefined {
  const [clusterId = '', role, name, ...rest] = text.split('/');
  if (clusterId === '' || rest.length > 0) return undefined;
  if (role === undefined) return { clusterId, role: 'shared' };
  if (name === undefined) {
    const known = UNNAMED.find((one) => one === role);
    return known && { clusterId, role: known };
  }
  const known = NAMED.find((one) => one === role);
  return known && name !== '' ? { clusterId, role: known, name } : undefined;
}

/** Whether this is a member of the cluster: somebody who takes part in its agreement, and serves its sessions. */
export function isMemberOf(
  certificate: { readonly subjectaltname?: string | undefined } | undefined,
  clusterId: string,
): boolean {
  const identity = certificateIdentity(certificate);
  return (
    identity?.clusterId === clusterId && (identity.role === 'member' || identity.role === 'shared')
  );
}

/** Whether `caller` may say that it is the member `name`. */
export function maySpeakAs({ role, name }: PeerIdentity, member: string): boolean {
  return role === 'shared' || (role === 'member' && name === member);
}
