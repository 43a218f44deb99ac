import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { connect, createServer, type TLSSocket } from 'node:tls';
import {
  certificateIdentity,
  certificateExpiry,
  identityUri,
  createCertificateAuthority,
  isMemberOf,
  issueCertificate,
  maySpeakAs,
  type KeyPair,
  type PeerIdentity,
} from '../../src/security/index.ts';
import { verifies } from '../requirements.ts';

const now = new Date();
const leaf = (authority: KeyPair, clusterId: string): Promise<KeyPair> =>
  issueCertificate(authority, {
    commonName: 'member',
    dnsNames: ['*.everything-peers.default.svc'],
    ipAddresses: ['127.0.0.1'],
    uris: [identityUri({ clusterId, role: 'member', name: 'everything-0' })],
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
  assert.equal(certificateIdentity(accepted.getPeerCertificate())?.clusterId, 'two');
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

const identityIn = (subjectaltname: string) => certificateIdentity({ subjectaltname });

test(verifies('security.roles'), () => {
  const rows: readonly [string, PeerIdentity][] = [
    ['mcpcluster://c/member/tools-0', { clusterId: 'c', role: 'member', name: 'tools-0' }],
    ['mcpcluster://c/backup/tools-b', { clusterId: 'c', role: 'backup', name: 'tools-b' }],
    ['mcpcluster://c/operator', { clusterId: 'c', role: 'operator' }],
    ['mcpcluster://c/administrator', { clusterId: 'c', role: 'administrator' }],
    ['mcpcluster://c', { clusterId: 'c', role: 'shared' }],
  ];
  for (const [uri, identity] of rows) {
    assert.equal(identityUri(identity), uri);
    assert.deepEqual(identityIn(`DNS:x, URI:${uri}`), identity);
    const isMember = identity.role === 'member' || identity.role === 'shared';
    assert.equal(isMemberOf({ subjectaltname: `URI:${uri}` }, 'c'), isMember);
    assert.equal(isMemberOf({ subjectaltname: `URI:${uri}` }, 'd'), false);
    assert.equal(maySpeakAs(identity, 'tools-0'), isMember);
    assert.equal(maySpeakAs(identity, 'tools-1'), identity.role === 'shared');
  }
  for (const nobody of [
    'DNS:x, URI:https://x',
    'URI:mcpcluster://',
    'URI:mcpcluster:///member/x',
    'URI:mcpcluster://c/',
    'URI:mcpcluster://c/member',
    'URI:mcpcluster://c/member/',
    'URI:mcpcluster://c/member/x/y',
    'URI:mcpcluster://c/operator/x',
    'URI:mcpcluster://c/king',
    'URI:mcpcluster://c/shared',
    'DNS:mcpcluster://c/operator',
    'URI:mcpcluster://c/member/x, URI:mcpcluster://c/operator',
  ]) {
    assert.equal(identityIn(nobody), undefined, nobody);
  }
  assert.equal(certificateIdentity(undefined), undefined);
});

test('validity is counted from the given instant', async () => {
  const authority = await createCertificateAuthority({
    commonName: 'a',
    validityDays: 10,
    now: new Date('2026-01-01T00:00:00Z'),
  });
  assert.equal(certificateExpiry(authority.certificate).toISOString(), '2026-01-11T00:00:00.000Z');
});
