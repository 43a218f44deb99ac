import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { connect, createServer, type TLSSocket } from 'node:tls';
import {
  certificateClusterId,
  certificateExpiry,
  clusterUri,
  createCertificateAuthority,
  issueCertificate,
  type KeyPair,
} from '../../src/security/index.ts';
import { verifies } from '../requirements.ts';

const now = new Date();
const leaf = (authority: KeyPair, clusterId: string): Promise<KeyPair> =>
  issueCertificate(authority, {
    commonName: 'member',
    dnsNames: ['*.everything-peers.default.svc'],
    ipAddresses: ['127.0.0.1'],
    uris: [clusterUri(clusterId)],
    validityDays: 90,
    now,
  });

/** Opens one mutual TLS connection and returns the server's view of it, or the error of either end. */
async function handshake(
  serverCa: KeyPair,
  server: KeyPair,
  clientCa: KeyPair,
  client: KeyPair,
): Promise<TLSSocket> {
  const listener = createServer({
    ca: serverCa.certificate,
    cert: server.certificate,
    key: server.key,
    requestCert: true,
    rejectUnauthorized: true,
    minVersion: 'TLSv1.3',
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address() as { port: number };
  const socket = connect({
    host: '127.0.0.1',
    port,
    servername: 'everything-0.everything-peers.default.svc',
    ca: clientCa.certificate,
    cert: client.certificate,
    key: client.key,
  });
  socket.on('error', () => undefined);
  try {
    const [accepted] = (await Promise.race([
      once(listener, 'secureConnection'),
      once(listener, 'tlsClientError').then(([error]) => Promise.reject(error as Error)),
      once(socket, 'close').then(() => Promise.reject(new Error('closed by the client'))),
    ])) as [TLSSocket];
    return accepted;
  } finally {
    socket.destroy();
    listener.close();
  }
}

test(verifies('security.mtls.same-authority'), async () => {
  const authority = await createCertificateAuthority({ commonName: 'a', validityDays: 365, now });
  const [server, client] = await Promise.all([leaf(authority, 'one'), leaf(authority, 'two')]);
  const accepted = await handshake(authority, server, authority, client);
  assert.equal(accepted.authorized, true);
  assert.equal(certificateClusterId(accepted.getPeerCertificate()), 'two');
});

test(verifies('security.mtls.foreign-authority'), async () => {
  const [ours, theirs] = await Promise.all([
    createCertificateAuthority({ commonName: 'same name', validityDays: 365, now }),
    createCertificateAuthority({ commonName: 'same name', validityDays: 365, now }),
  ]);
  const [server, foreigner] = await Promise.all([leaf(ours, 'one'), leaf(theirs, 'one')]);
  await assert.rejects(handshake(ours, server, ours, foreigner));
  await assert.rejects(handshake(ours, server, theirs, foreigner));
});

test('a certificate without a cluster names none', () => {
  assert.equal(certificateClusterId(undefined), undefined);
  assert.equal(certificateClusterId({ subjectaltname: 'DNS:x, URI:https://x' }), undefined);
});

test('validity is counted from the given instant', async () => {
  const authority = await createCertificateAuthority({
    commonName: 'a',
    validityDays: 10,
    now: new Date('2026-01-01T00:00:00Z'),
  });
  assert.equal(certificateExpiry(authority.certificate).toISOString(), '2026-01-11T00:00:00.000Z');
});
