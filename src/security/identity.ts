/** Who is at the other end of a TLS connection: the cluster id in the certificate's URI SAN. */

const SCHEME = 'mcpcluster://';

/** The URI that stands in every certificate of the cluster `clusterId`. */
export function clusterUri(clusterId: string): string {
  return `${SCHEME}${clusterId}`;
}

/**
 * The cluster a peer's certificate belongs to, from what `tls.TLSSocket.getPeerCertificate()` returns; undefined when it
 * names none. Only meaningful after the chain was verified.
 */
export function certificateClusterId(
  certificate: { readonly subjectaltname?: string | undefined } | undefined,
): string | undefined {
  for (const entry of certificate?.subjectaltname?.split(', ') ?? []) {
    if (entry.startsWith(`URI:${SCHEME}`)) return entry.slice(4 + SCHEME.length);
  }
  return undefined;
}
