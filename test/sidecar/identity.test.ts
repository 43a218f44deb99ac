/** How a pod comes by its certificate and keeps it: a real HTTPS listener as the operator, files as a kubelet writes them. */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, test, type TestContext } from 'node:test';
import { systemClock, systemRandom as random } from '../../src/host/index.ts';
import {
  createServingListener,
  type ServingAnswer,
  type ServingListener,
} from '../../src/operator/serving/listener.ts';
import {
  createCertificateAuthority,
  identityUri,
  issueCertificate,
  readSigningRequest,
  signCertificate,
  type KeyPair,
} from '../../src/security/index.ts';
import { openPodIdentity } from '../../src/sidecar/identity/pod-identity.ts';
import type { Clock } from '../../src/std/index.ts';
import { createMetrics, silentLogger } from '../../src/telemetry/index.ts';
import { eventually } from '../eventually.ts';
import { verifies } from '../requirements.ts';
import { createVirtualClock } from '../virtual-clock.ts';

const HOST = '127.0.0.1';
const DAY_MS = 86_400_000;
const TOKEN = 'token-of-the-pod';
const NAMES = {
  dnsNames: ['tools-0.tools-peers.team.svc'],
  uris: [identityUri({ clusterId: 'c', role: 'member', name: 'tools-0' })],
};

const makeAuthority = (clock: Clock): Promise<KeyPair> =>
  createCertificateAuthority({
    ...{ commonName: 'team/tools', validityDays: 3_650, now: new Date(clock.wall()) },
  });

/** An operator that gives certificates to whoever has the token, and a pod that asks it. */
async function world(t: TestContext, clock: Clock = systemClock) {
  const folder = await mkdtemp(join(tmpdir(), 'identity-'));
  const [directory, dataRoot] = [join(folder, 'mounted'), join(folder, 'data')];
  await mkdir(directory);
  const own = await makeAuthority(systemClock);
  const ownLeaf = await issueCertificate(own, {
    ...{ commonName: 'operator', dnsNames: [], ipAddresses: [HOST], uris: [] },
    ...{ validityDays: 1, now: new Date() },
  });
  const lines: { readonly message: string; readonly code?: unknown; readonly reason?: unknown }[] =
    [];
  const note = (message: string, fields: object = {}) => void lines.push({ message, ...fields });
  const here = {
    ...{ folder, directory, dataRoot, clock, lines },
    authority: await makeAuthority(clock),
    /** What it was asked, each request once for each time. */
    asked: [] as string[],
    lastsDays: 90,
    refuse: undefined as ServingAnswer | undefined,
    listener: undefined as ServingListener | undefined,
    mount: (name: string, text: string) => writeFile(join(directory, name), text),
    async startOperator() {
      const listener = createServingListener({
        ...{ host: HOST, port: 0, material: { cert: ownLeaf.certificate, key: ownLeaf.key } },
        ...{ clock: systemClock, logger: silentLogger, metrics: createMetrics() },
        routes: {
          '/certificates': {
            bodyBytesMax: 10_000,
            answer: ({ headers }, body) => answer(headers.authorization, body.toString()),
          },
        },
      });
      here.listener = listener;
      const port = await listener.start();
      await here.mount('operator-ca.crt', own.certificate);
      await here.mount('operator-url', `https://${HOST}:${port}`);
    },
    async open(signal?: AbortSignal) {
      const logger = { ...silentLogger, info: note, warn: note, error: note };
      const metrics = createMetrics();
      const identity = await openPodIdentity({
        ...{ directory, dataRoot, names: NAMES, clock, random, logger, metrics },
        ...(signal === undefined ? {} : { signal }),
      });
      t.after(() => identity.stop());
      return identity;
    },
  };
  const answer = async (authorization: string | undefined, pem: string): Promise<ServingAnswer> => {
    here.asked.push(pem);
    assert.equal(authorization, `Bearer ${TOKEN}`);
    if (here.refuse !== undefined) return here.refuse;
    const read = await readSigningRequest(pem);
    assert.ok(read.kind === 'accepted');
    assert.deepEqual(read.request.names, NAMES);
    const now = clock.wall();
    const certificate = await signCertificate(here.authority, read.request.publicKey, {
      ...{ commonName: 'tools-0', ...NAMES, ipAddresses: [] },
      ...{ validityDays: here.lastsDays, now: new Date(now) },
    });
    const renewAfter = new Date(now + (here.lastsDays * DAY_MS * 2) / 3).toISOString();
    return { status: 200, body: { certificate, trusted: here.authority.certificate, renewAfter } };
  };
  await here.mount('token', `${TOKEN}\n`);
  await here.mount('ca.crt', here.authority.certificate);
  t.after(async () => {
    await here.listener?.stop();
    await rm(folder, { recursive: true, force: true });
  });
  return here;
}

const isFrom = (cert: string, authority: KeyPair): boolean =>
  new X509Certificate(cert).verify(new X509Certificate(authority.certificate).publicKey);

void suite('identity of a pod', () => {
  test(verifies('sidecar.identity-obtained'), async (t) => {
    const here = await world(t);
    const opening = here.open();
    const waits = () => here.lines.filter(({ message }) => message.startsWith('waiting'));
    await eventually('it says what it waits for', () => waits().length === 1);
    assert.match(String(waits()[0]?.reason), /not told yet where it answers/);
    here.refuse = { status: 503, body: { code: 'certificate-pending', message: 'soon' } };
    await here.startOperator();
    await eventually('the same request to be repeated', () => here.asked.length >= 3);
    assert.equal(new Set(here.asked).size, 1);
    here.refuse = undefined;
    const { cert, ca, key } = (await opening).current();
    assert.ok(isFrom(cert, here.authority));
    assert.equal(ca, here.authority.certificate);
    const file = join(here.dataRoot, 'identity', 'identity.json');
    assert.equal((await stat(file)).mode & 0o777, 0o600);
    assert.equal((await stat(join(here.dataRoot, 'identity'))).mode & 0o777, 0o700);
    assert.ok((await readFile(file, 'utf8')).includes(JSON.stringify(key)));
    assert.deepEqual(await readdir(join(here.dataRoot, 'identity')), ['identity.json']);
    // What was asked for tells nobody the key, and neither does the log.
    assert.ok(!here.asked.join('').includes('PRIVATE'));
    assert.ok(
      !JSON.stringify(here.lines).includes('PRIVATE') &&
        !JSON.stringify(here.lines).includes(TOKEN),
    );
  });

  test(verifies('sidecar.identity-kept'), async (t) => {
    const here = await world(t);
    await here.startOperator();
    const first = await here.open();
    first.stop();
    await here.listener?.stop();
    const second = await here.open();
    assert.deepEqual(second.current(), first.current());
    assert.equal(here.asked.length, 1);
  });

  test(verifies('sidecar.identity-heals'), async (t) => {
    const clock = createVirtualClock();
    const here = await world(t, clock);
    await here.startOperator();
    const open = async () => {
      const identity = await here.open();
      identity.stop();
      return identity.current();
    };
    const first = await open();
    const reasons = () =>
      here.lines.flatMap(({ reason }) => (reason === undefined ? [] : [reason]));
    clock.freeze(91 * DAY_MS);
    const second = await open();
    assert.notEqual(second.key, first.key, 'a new certificate is for a new key');
    assert.deepEqual(reasons(), ['it has expired']);

    here.authority = await makeAuthority(clock);
    await here.mount('ca.crt', here.authority.certificate);
    // The kept one is shown while it may still be accepted, and replaced at once.
    const third = await here.open();
    await eventually('a certificate of the new authority', async () => {
      await clock.advance(1);
      return isFrom(third.current().cert, here.authority);
    });
    assert.equal(third.current().ca, here.authority.certificate);
    third.stop();

    const file = join(here.dataRoot, 'identity', 'identity.json');
    const kept = JSON.parse(await readFile(file, 'utf8')) as Record<string, string>;
    const damaged: readonly [object, string][] = [
      [{ ...kept, key: second.key }, 'it does not fit the key'],
      [{ ...kept, certificate: 'x' }, 'it is not a certificate'],
    ];
    for (const [what] of damaged) {
      await writeFile(file, JSON.stringify(what));
      assert.ok(isFrom((await open()).cert, here.authority));
    }
    assert.deepEqual(
      reasons().slice(1),
      damaged.map(([, reason]) => reason),
    );
    await writeFile(file, '{"half');
    assert.ok(isFrom((await open()).cert, here.authority));
  });

  test(verifies('sidecar.identity-renews'), async (t) => {
    const clock = createVirtualClock();
    const here = await world(t, clock);
    await here.startOperator();
    const identity = await here.open();
    const seen: string[] = [];
    identity.onChange(({ cert, ca }) =>
      seen.push(`${ca === bothAuthorities ? 'both ' : ''}${cert}`),
    );
    let bothAuthorities = '';
    const first = identity.current();
    clock.freeze(60 * DAY_MS - 1_000);
    await clock.advance(500);
    assert.equal(seen.length, 0);
    await clock.advance(1_000);
    await eventually('the renewal', () => seen.length === 1);
    const second = identity.current();
    assert.notEqual(second.cert, first.cert);

    // Another authority is announced: trusted at once; what is shown stays for a day, and is another one before the second is over.
    const next = await makeAuthority(clock);
    bothAuthorities = next.certificate + here.authority.certificate;
    await here.mount('ca.crt', bothAuthorities);
    await eventually('both to be trusted', () => seen.length === 2);
    assert.equal(seen[1], `both ${second.cert}`);
    here.authority = next;
    await clock.advance(24 * 3_600_000);
    assert.equal(identity.current().cert, second.cert);
    await clock.advance(22 * 3_600_000);
    await eventually('a certificate of the new one', () => isFrom(identity.current().cert, next));
  });

  test('a pod that waits can be ended', async (t) => {
    const here = await world(t);
    const stop = new AbortController();
    const opening = here.open(stop.signal);
    await eventually('it waits', () => here.lines.length > 0);
    stop.abort();
    const why =
      /^stopped while it had no certificate: no-answer: the operator has not told yet where it answers; see whether/;
    await assert.rejects(opening, ({ name, message }: Error) => {
      assert.match(message, why);
      return name === 'UsageError';
    });
  });
});
