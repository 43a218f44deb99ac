/** Certificates change under running members, authority and all, as a mounted Secret does: in one step, file by file replaced. */
import { mkdir, readlink, rename, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  identityUri,
  createCertificateAuthority,
  issueCertificate,
  type KeyPair,
  type TlsMaterial,
} from '../../src/security/index.ts';
import { eventually } from '../eventually.ts';
import { verifies } from '../requirements.ts';
import { peerCertificate } from './peer-certificate.ts';
import { startStandalonePods } from './standalone-pods.ts';

const { folder, pods: start } = await startStandalonePods();
const NAMES = ['ca.crt', 'tls.crt', 'tls.key'] as const;

const authority = (): Promise<KeyPair> =>
  createCertificateAuthority({ commonName: 'team/test', validityDays: 1, now: new Date() });
const leaf = (signing: KeyPair): Promise<KeyPair> =>
  issueCertificate(signing, {
    commonName: 'test',
    dnsNames: ['member.standalone.mcpcluster.local'],
    ipAddresses: [],
    uris: [identityUri({ clusterId: 'standalone', role: 'shared' })],
    validityDays: 1,
    now: new Date(),
  });

let version = 0;
/** As the kubelet writes a Secret: files are links into a folder that is exchanged as a whole. */
async function publish(directory: string, { ca, cert, key }: TlsMaterial): Promise<void> {
  const content = { 'ca.crt': ca, 'tls.crt': cert, 'tls.key': key };
  const name = `..${(version += 1)}`;
  await mkdir(join(directory, name), { recursive: true });
  for (const file of NAMES) await writeFile(join(directory, name, file), content[file]);
  await symlink(name, join(directory, '..next'));
  await rename(join(directory, '..next'), join(directory, '..data'));
  for (const file of NAMES) {
    await readlink(join(directory, file)).catch(() =>
      symlink(join('..data', file), join(directory, file)),
    );
  }
}

test(verifies('sidecar.certificates-rotate'), { timeout: 120_000 }, async () => {
  const directory = join(folder, 'tls');
  const [one, two] = [await authority(), await authority()];
  const [first, second] = [await leaf(one), await leaf(two)];
  const material = (ca: string, { certificate, key }: KeyPair): TlsMaterial => ({
    ca,
    cert: certificate,
    key,
  });
  await publish(directory, material(one.certificate, first));
  const pods = await start('r', '--tls-dir', directory);
  const session = await pods[0].open();
  const both = two.certificate + one.certificate;
  const steps: readonly TlsMaterial[] = [
    material(both, first),
    material(both, second),
    material(two.certificate, second),
  ];
  let calls = 0;
  let rotated = false;
  const load = (async () => {
    // Requests at pods that do not own the session go from gateway to gateway.
    while (!rotated) {
      for (const pod of pods) await pod.call(session);
      calls += pods.length;
    }
  })();
  for (const step of steps) {
    await publish(directory, step);
    for (const pod of pods) {
      await eventually('the certificate to be shown', async () => {
        const shown = await peerCertificate(pod.cluster, step);
        return shown?.raw.toString('base64') === pemBody(step.cert);
      });
    }
    const before = calls;
    await eventually('calls to go on', () => calls >= before + 9, 20_000);
  }
  rotated = true;
  await load;
  // What the sessions need when a member dies goes over new connections, too.
  pods[1].kill();
  await eventually('the others to go on', () => pods[2].call(session), 20_000);
});

const pemBody = (pem: string): string => pem.replaceAll(/-----[A-Z ]+-----|\s/g, '');
