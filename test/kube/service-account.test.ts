/** The connection that a pod has: files of the service account, which change while it runs. */
import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock as clock, systemRandom as random } from '../../src/host/index.ts';
import { createKubeClient, loadKubeConnection, RESOURCES } from '../../src/kube/index.ts';
import { createCertificateAuthority } from '../../src/security/index.ts';
import { createMetrics } from '../../src/telemetry/index.ts';
import { verifies } from '../requirements.ts';
import { script, succeed, withTlsServer } from './setup.ts';

const REF = { namespace: 'default', name: 'a' };
const { configMaps } = RESOURCES;

test(verifies('kube.service-account'), async (t) => {
  await withTlsServer(async ({ server, directory, authority }) => {
    script(server, succeed);
    const { hostname, port } = new URL(server.url);
    const put = (name: string, text: string): Promise<void> =>
      writeFile(join(directory, name), text);
    await put('ca.crt', authority);
    await put('token', 'one\n');
    await put('namespace', 'team');
    const environment = {
      KUBERNETES_SERVICE_HOST: hostname,
      KUBERNETES_SERVICE_PORT: port,
      KUBECONFIG: '',
    };
    const before = { ...process.env };
    Object.assign(process.env, environment);
    t.after(() => {
      for (const name of Object.keys(environment)) {
        if (before[name] === undefined) delete process.env[name];
        else process.env[name] = before[name];
      }
    });
    const connection = await loadKubeConnection({ serviceAccountDir: directory });
    assert.equal(connection.namespace, 'team');
    const parts = { clock, random, metrics: createMetrics(), retriesMax: 0 };
    const client = createKubeClient(connection, parts);
    for (let i = 0; i < 5; i++) await client.get(configMaps, REF);
    assert.ok(server.connections().accepted <= 2);
    await put('token', 'two\n');
    await client.get(configMaps, REF);
    const sent = server.requests.map(({ headers }) => headers.authorization);
    assert.deepEqual(sent, [...Array.from({ length: 5 }, () => 'Bearer one'), 'Bearer two']);
    const other = { commonName: 'other', validityDays: 1, now: new Date() };
    await put('ca.crt', (await createCertificateAuthority(other)).certificate);
    await assert.rejects(client.get(configMaps, REF), {
      message: 'connection to the API server failed: SELF_SIGNED_CERT_IN_CHAIN',
    });
    await put('ca.crt', authority);
    await client.get(configMaps, REF);
    await client.close();
    await rm(join(directory, 'token'));
    await assert.rejects(loadKubeConnection({ serviceAccountDir: directory }), {
      name: 'UsageError',
      message: /token of the service account cannot be read \(ENOENT\): set automount/,
    });
  });
});
