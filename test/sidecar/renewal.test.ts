/** A renewal that does not come: when it is overdue, and how a real sidecar tells it while a real listener refuses. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { systemClock, systemRandom } from '../../src/host/index.ts';
import { sidecarConfig } from '../../src/operator/core/config.ts';
import { REFUSALS } from '../../src/operator/identity/refusals.ts';
import { createServingListener } from '../../src/operator/serving/listener.ts';
import { createChannel, services } from '../../src/rpc/index.ts';
import {
  CERTIFICATE_REFUSALS,
  createCertificateAuthority,
  identityUri,
  issueCertificate,
  staticTls,
  type KeyPair,
} from '../../src/security/index.ts';
import { createRenewalRecord, overdueAt } from '../../src/sidecar/identity/renewal.ts';
import { createMetrics, silentLogger as logger } from '../../src/telemetry/index.ts';
import { eventually } from '../eventually.ts';
import { freePorts } from '../free-ports.ts';
import { cluster } from '../operator/core/fixtures.ts';
import { verifies } from '../requirements.ts';
import { createVirtualClock } from '../virtual-clock.ts';
import { createProcesses } from './processes.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const HOST = '127.0.0.1';
const TOKEN = 'token-of-the-pod';
const CLUSTER_ID = 'uid-1';
const PEERS = 'tools-peers.team.svc';
const NAMES = {
  dnsNames: [`tools-0.${PEERS}`, `tools-0.${PEERS}.cluster.local`, PEERS],
  uris: [identityUri({ clusterId: CLUSTER_ID, role: 'member', name: 'tools-0' })],
} as const;

const makeAuthority = (now: Date): Promise<KeyPair> =>
  createCertificateAuthority({ commonName: 'team/tools', validityDays: 3_650, now });

/** Of the member, unless there are other names. */
const leafOf = (
  authority: KeyPair,
  { days, ...given }: { readonly days: number; readonly now: Date; readonly uris?: string[] },
): Promise<KeyPair> =>
  issueCertificate(authority, {
    ...{ commonName: 'tools-0', ipAddresses: [], validityDays: days },
    ...{ dnsNames: [...NAMES.dnsNames], uris: [...NAMES.uris], ...given },
  });

type FivePorts = [number, number, number, number, number];

test('a renewal is overdue within the hour, and while most of the time is left', () => {
  const instant = fc.integer({ min: 0, max: 4e12 });
  const left = fc.integer({ min: 300_000, max: 363 * DAY_MS });
  fc.assert(
    fc.property(instant, left, (dueAt, leftMs) => {
      const afterMs = overdueAt({ dueAt, expiresAt: dueAt + leftMs }) - dueAt;
      assert.ok(afterMs >= 75_000 && afterMs <= HOUR_MS && afterMs <= leftMs / 4);
    }),
  );
});

test('what is told of a renewal: from the first certificate on, with bounded labels', async () => {
  const clock = createVirtualClock();
  const metrics = createMetrics();
  const record = createRenewalRecord(metrics, clock);
  assert.equal(record.current(), undefined);
  const authority = await makeAuthority(new Date(clock.wall()));
  const { certificate } = await leafOf(authority, { days: 1, now: new Date(clock.wall()) });
  const dueAt = clock.wall() + 16 * HOUR_MS;
  record.inForce({ certificate, renewAfter: dueAt });
  const expiresAt = clock.wall() + DAY_MS;
  assert.deepEqual(record.current(), { expiresAt, dueAt, overdue: false, failure: undefined });
  clock.freeze(17 * HOUR_MS - 1);
  record.failed({ code: 'names-refused', message: 'ask for these' });
  assert.deepEqual(
    [record.current()?.overdue, record.current()?.failure?.code],
    [false, 'names-refused'],
  );
  clock.freeze(1);
  assert.equal(record.current()?.overdue, true);
  for (const code of ['made up by another release', 'another one']) {
    record.failed({ code, message: '' });
  }
  const next = await leafOf(authority, { days: 1, now: new Date(clock.wall()) });
  record.inForce({ ...next, renewAfter: clock.wall() + HOUR_MS });
  assert.deepEqual([record.current()?.overdue, record.current()?.failure], [false, undefined]);
  const text = await metrics.exposition();
  const counted = [...text.matchAll(/failures_total\{reason="([^"]+)"\} (\d+)/g)];
  assert.deepEqual(counted.map(([, reason, count]) => `${reason} ${count}`).sort(), [
    'names-refused 1',
    'no-answer 0',
    'other 2',
  ]);
  assert.deepEqual(Object.keys(REFUSALS).sort(), [...CERTIFICATE_REFUSALS].sort());
});

test(verifies('sidecar.last-words'), { timeout: 60_000 }, async () => {
  const { folder, run } = await createProcesses();
  const config = join(folder, 'config.json');
  await writeFile(config, JSON.stringify(sidecarConfig(cluster(), { replicas: 1, voters: 1 })));
  const mounted = join(folder, 'mounted');
  await mkdir(mounted);
  await writeFile(join(mounted, 'token'), TOKEN);
  const child = run(
    ...['sidecar', '--node-id', 'tools-0', '--config', config],
    ...['--identity-dir', mounted, '--session-db-path', join(folder, 'data')],
  );
  const log = (): string => child.lines.join('');
  await eventually('it waits', () => log().includes('waiting for a certificate'), 30_000);
  child.kill('SIGTERM');
  const [code] = (await once(child, 'close')) as [number];
  assert.equal(code, 2);
  const last = log().trimEnd().split('\n').at(-1) ?? '';
  assert.match(
    last,
    /^mcp-cluster: stopped while it had no certificate: no-answer: .*; see whether/,
  );
});

test(verifies('sidecar.renewal-overdue'), { timeout: 60_000 }, async (t) => {
  const processes = await createProcesses();
  const now = new Date();
  const [authority, own] = [await makeAuthority(now), await makeAuthority(now)];
  const ownLeaf = await issueCertificate(own, {
    ...{ commonName: 'operator', dnsNames: [], ipAddresses: [HOST], uris: [] },
    ...{ validityDays: 1, now },
  });
  const asked: (string | undefined)[] = [];
  const refusal = {
    code: 'names-refused',
    message: 'a certificate names its pod and nothing else',
  };
  const listener = createServingListener({
    ...{ host: HOST, port: 0, material: { cert: ownLeaf.certificate, key: ownLeaf.key } },
    ...{ clock: systemClock, logger, metrics: createMetrics() },
    routes: {
      '/certificates': {
        bodyBytesMax: 10_000,
        async answer({ headers }) {
          asked.push(headers.authorization);
          return { status: 403, body: refusal };
        },
      },
    },
  });
  const port = await listener.start();
  t.after(() => listener.stop());

  // A member of a cluster of one, whose certificate was to be renewed two hours ago.
  const [gateway, gatewayPeer, peer, metrics, server] = (await freePorts(5)) as FivePorts;
  const { folder } = processes;
  const config = join(folder, 'config.json');
  const told = sidecarConfig(cluster(), { replicas: 1, voters: 1 });
  const ports = { gateway, gatewayPeer, peer, metrics };
  await writeFile(
    config,
    JSON.stringify({ ...told, ports, server: { ...told.server, port: server } }),
  );
  const dueAt = now.getTime() - 2 * HOUR_MS;
  const [mounted, kept] = [join(folder, 'mounted'), join(folder, 'data', 'identity')];
  await mkdir(mounted);
  await mkdir(kept, { recursive: true });
  const files = {
    token: TOKEN,
    'ca.crt': authority.certificate,
    'operator-ca.crt': own.certificate,
    'operator-url': `https://${HOST}:${port}`,
  };
  for (const [name, text] of Object.entries(files)) await writeFile(join(mounted, name), text);
  const leaf = await leafOf(authority, { days: 10, now });
  const identity = { ...leaf, trusted: authority.certificate, renewAfter: dueAt };
  await writeFile(join(kept, 'identity.json'), JSON.stringify(identity));
  const child = processes.run(
    ...['sidecar', '--node-id', 'tools-0', '--config', config],
    ...['--identity-dir', mounted, '--session-db-path', join(folder, 'data')],
  );
  const log = (): string => child.lines.join('');

  const text = await eventually(
    'the metrics of its renewal',
    async () => {
      const answer = await fetch(`http://${HOST}:${metrics}/metrics`).catch(() => undefined);
      const exposition = (await answer?.text()) ?? '';
      return exposition.includes('failures_total{reason="names-refused"}') ? exposition : false;
    },
    30_000,
  );
  const valueOf = (name: string): number =>
    Number(new RegExp(`^mcp_cluster_member_certificate_${name} (.+)$`, 'm').exec(text)?.[1]);
  assert.equal(valueOf('renewal_due_timestamp_seconds'), dueAt / 1_000);
  const expiresAt = Math.floor(now.getTime() / 1_000) + 10 * 86_400;
  assert.equal(valueOf('expiry_timestamp_seconds'), expiresAt);

  // What the operator reads of it: it asks with a certificate of its own, as always.
  const asOperator = { uris: [identityUri({ clusterId: CLUSTER_ID, role: 'operator' })] };
  const { certificate: cert, key } = await leafOf(authority, { days: 10, now, ...asOperator });
  const channel = createChannel({
    resolve: async () => ({ host: HOST, port: peer }),
    tls: staticTls({ ca: authority.certificate, cert, key }),
    serverName: NAMES.dnsNames[0],
    clusterId: CLUSTER_ID,
    ...{ clock: systemClock, random: systemRandom },
  });
  t.after(() => channel.close());
  const { certificate } = await channel.client(services.admin).getStatus({}, { timeoutMs: 5_000 });
  assert.deepEqual(certificate, {
    expiresAt: expiresAt * 1_000,
    renewalDueAt: dueAt,
    overdue: true,
    failure: refusal.code,
    failureMessage: refusal.message,
  });
  assert.deepEqual([...new Set(asked)], [`Bearer ${TOKEN}`]);
  assert.match(log(), /waiting for a certificate/);
  assert.ok(!log().includes(TOKEN) && !log().includes('PRIVATE') && !text.includes(TOKEN));
});
