/** Requests for certificates, as their maker writes them and as a stranger might. */
import assert from 'node:assert/strict';
import { webcrypto, X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import {
  createCertificateAuthority,
  createSigningRequest,
  readSigningRequest,
  signCertificate,
  SIGNING_REQUEST_BYTES_MAX,
} from '../../src/security/index.ts';
import { loadX509 } from '../../src/security/x509-tools.ts';
import { verifies } from '../requirements.ts';

const now = new Date();
const NAMES = {
  dnsNames: ['tools-0.tools-peers.team.svc'],
  uris: ['mcpcluster://c/member/tools-0'],
};

async function accepted(pem: string) {
  const outcome = await readSigningRequest(pem);
  assert.ok(outcome.kind === 'accepted');
  return outcome.request;
}

/** A request by hand: other keys, other names. */
async function requestWith(
  algorithm: object,
  san: { type: 'url' | 'ip' | 'email'; value: string }[],
): Promise<string> {
  const x509 = await loadX509();
  const keys = await webcrypto.subtle.generateKey(algorithm as never, true, ['sign', 'verify']);
  const extensions = [new x509.SubjectAlternativeNameExtension(san)];
  const request = await x509.Pkcs10CertificateRequestGenerator.create(
    { keys, signingAlgorithm: { hash: 'SHA-256', ...algorithm } as never, extensions },
    webcrypto,
  );
  return request.toString('pem');
}

test('what is asked for comes back with a certificate that fits the key', async () => {
  const { key, request } = await createSigningRequest(NAMES);
  const { names, publicKey } = await accepted(request);
  assert.deepEqual(names, NAMES);
  const authority = await createCertificateAuthority({ commonName: 'a', validityDays: 2, now });
  const signed = await signCertificate(authority, publicKey, {
    ...{
      commonName: 'tools-0',
      dnsNames: ['else.test'],
      ipAddresses: [],
      uris: ['mcpcluster://d'],
    },
    ...{ validityDays: 1, now },
  });
  const leaf = new X509Certificate(signed);
  const { createPrivateKey } = await import('node:crypto');
  assert.ok(leaf.checkPrivateKey(createPrivateKey(key)));
  assert.ok(leaf.verify(new X509Certificate(authority.certificate).publicKey));
  // Only who signs says what is in it.
  assert.equal(leaf.subjectAltName, 'DNS:else.test, URI:mcpcluster://d');
});

test(verifies('security.signing-request'), async () => {
  const { request } = await createSigningRequest(NAMES);
  const p256 = { name: 'ECDSA', namedCurve: 'P-256' };
  const rsa = {
    ...{ name: 'RSASSA-PKCS1-v1_5', modulusLength: 2048, hash: 'SHA-256' },
    publicExponent: new Uint8Array([1, 0, 1]),
  };
  const uri = [{ type: 'url' as const, value: 'mcpcluster://c/operator' }];
  assert.deepEqual((await accepted(await requestWith(p256, uri))).names.uris, [uri[0]?.value]);
  // A byte of the signature, which is the last that the request holds.
  const body = Buffer.from(request.replaceAll(/-----[^-]+-----|\s/g, ''), 'base64');
  body[body.length - 1] = (body.at(-1) ?? 0) ^ 1;
  const label = 'CERTIFICATE REQUEST';
  const forged = `-----BEGIN ${label}-----\n${body.toString('base64')}\n-----END ${label}-----\n`;
  const rows: readonly [string, RegExp][] = [
    ['', /not one PEM block/],
    ['hello', /not one PEM block/],
    [request + request, /not one PEM block/],
    [`-----BEGIN ${label}-----\nAAAA\n-----END ${label}-----`, /not a PKCS #10 request/],
    ['x'.repeat(SIGNING_REQUEST_BYTES_MAX + 1), /longer than/],
    [forged, /did not sign it|cannot be checked/],
    [await requestWith({ name: 'ECDSA', namedCurve: 'P-384' }, uri), /not an ECDSA key on P-256/],
    [await requestWith(rsa, uri), /not an ECDSA key on P-256/],
    [await requestWith(p256, [{ type: 'ip', value: '10.0.0.1' }]), /neither DNS names nor URIs/],
    [await requestWith(p256, [{ type: 'email', value: 'a@b' }]), /neither DNS names nor URIs/],
  ];
  for (const [pem, reason] of rows) {
    const outcome = await readSigningRequest(pem);
    assert.equal(outcome.kind, 'refused', reason.source);
    assert.match(outcome.kind === 'refused' ? outcome.reason : '', reason);
  }
});
