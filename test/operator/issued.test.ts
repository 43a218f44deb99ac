/** Chains as issuers hand them out, with authorities in between. */
import assert from 'node:assert/strict';
import { webcrypto } from 'node:crypto';
import { test } from 'node:test';
import { issuedProblem } from '../../src/operator/issuer/issued.ts';
import { x509 } from '../../src/security/x509.ts';
import { verifies } from '../requirements.ts';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const names = {
  dnsNames: ['tools-0.tools-peers.team.svc'],
  uris: ['mcpcluster://u/member/tools-0'],
};
const now = Date.now();

interface Made {
  readonly pem: string;
  readonly keys: webcrypto.CryptoKeyPair;
  readonly subject: string;
}

let serial = 1;

async function make(
  subject: string,
  issuer: Made | undefined,
  isAuthority: boolean,
): Promise<Made> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const { ExtendedKeyUsage: usage } = x509;
  const certificate = await x509.X509CertificateGenerator.create(
    {
      serialNumber: `0${(serial += 1)}`,
      subject,
      issuer: issuer?.subject ?? subject,
      notBefore: new Date(now - 60_000),
      notAfter: new Date(now + 3_600_000),
      publicKey: keys.publicKey,
      signingKey: (issuer?.keys ?? keys).privateKey,
      signingAlgorithm: algorithm,
      extensions: isAuthority
        ? [new x509.BasicConstraintsExtension(true, undefined, true)]
        : [
            new x509.ExtendedKeyUsageExtension([usage.serverAuth, usage.clientAuth]),
            new x509.SubjectAlternativeNameExtension([
              { type: 'dns', value: names.dnsNames[0] as string },
              { type: 'url', value: names.uris[0] as string },
            ]),
          ],
    },
    webcrypto,
  );
  return { pem: `${certificate.toString('pem')}\n`, keys, subject };
}

test(`${verifies('issuer.refusals')}: chains`, async () => {
  const root = await make('CN=root', undefined, true);
  const middle = await make('CN=middle', root, true);
  const stranger = await make('CN=stranger', undefined, true);
  const leaf = await make('CN=leaf', middle, false);
  const own = await make('CN=own', root, false);
  const publicKeyOf = ({ keys }: Made) => webcrypto.subtle.exportKey('spki', keys.publicKey);
  const table: readonly (readonly [
    who: Made,
    chain: string,
    ca: string,
    says: RegExp | undefined,
  ])[] = [
    [leaf, leaf.pem + middle.pem, root.pem, undefined],
    [leaf, leaf.pem + middle.pem + root.pem, root.pem, undefined],
    [leaf, leaf.pem + middle.pem, stranger.pem + root.pem, undefined],
    [own, own.pem, root.pem, undefined],
    [
      leaf,
      leaf.pem + middle.pem,
      middle.pem,
      /is no root; put the certificate of the root into ca\.crt/,
    ],
    [leaf, leaf.pem, root.pem, /did not sign what it issued/],
    [leaf, leaf.pem + stranger.pem, root.pem, /did not sign what it issued/],
    [leaf, leaf.pem + middle.pem + own.pem, root.pem, /did not sign what it issued/],
    [leaf, leaf.pem + middle.pem.repeat(8), root.pem, /more than 8 certificates/],
    [own, leaf.pem + middle.pem, root.pem, /certified another key/],
    [root, root.pem, root.pem, /and gave none/],
    [leaf, 'nonsense', root.pem, /cannot be read/],
    [leaf, leaf.pem.replace(/MI[^-]+/, 'MIIB\n') + middle.pem, root.pem, /cannot be read/],
  ];
  for (const [who, certificate, ca, says] of table) {
    const asked = { publicKey: await publicKeyOf(who), names };
    const problem = issuedProblem({ certificate, ca }, asked, now);
    if (says === undefined) assert.equal(problem, undefined);
    else assert.match(problem ?? '', says);
  }
  const late = { publicKey: await publicKeyOf(own), names };
  const ended = issuedProblem({ certificate: own.pem, ca: root.pem }, late, now + 4_000_000);
  assert.match(ended ?? '', /^what it issued ended at/);
});
