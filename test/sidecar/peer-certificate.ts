/** The certificate that a port shows to one who has a certificate of its own. */
import { connect, type PeerCertificate } from 'node:tls';
import type { TlsMaterial } from '../../src/security/index.ts';

/** Undefined when nobody answers or the two do not accept each other. */
export function peerCertificate(
  port: number,
  { ca, cert, key }: TlsMaterial,
): Promise<PeerCertificate | undefined> {
  const { promise, resolve } = Promise.withResolvers<PeerCertificate | undefined>();
  const servername = 'member.standalone.mcpcluster.local';
  const socket = connect({ host: '127.0.0.1', port, ca, cert, key, servername }, () => {
    resolve(socket.getPeerCertificate());
    socket.end();
  });
  socket.on('error', () => resolve(undefined));
  return promise;
}
