/** The committed data against the server it was made from. Regenerate with UPDATE=1. */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import test from 'node:test';
import { generateKubernetesData } from '../../../src/devcluster/schema/generate.ts';
import type { KubernetesData } from '../../../src/devcluster/schema/kubernetes-data.ts';
import { skip, startRealServer } from './real-server.ts';

const FILE = new URL('../../../src/devcluster/schema/data/kubernetes.json', import.meta.url);

test('the schemas are those of a real kube-apiserver', { skip }, async (t) => {
  const server = await startRealServer();
  t.after(() => server.stop());
  const made = await generateKubernetesData(async (path, accept = 'application/json') => {
    const { status, body } = await server.request('GET', path, undefined, { accept });
    assert.equal(status, 200, path);
    return body;
  });
  if (process.env['UPDATE'] === '1') await writeFile(FILE, `${JSON.stringify(made)}\n`);
  const text = await readFile(FILE, 'utf8');
  const committed = JSON.parse(text) as KubernetesData;
  if (committed.kubernetes !== made.kubernetes) {
    return t.skip(`made with ${committed.kubernetes}, this server is ${made.kubernetes}`);
  }
  assert.deepEqual(committed, made);
  assert.ok(text.length < 400_000, `${text.length} characters`);
});
