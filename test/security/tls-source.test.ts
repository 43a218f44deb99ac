import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openTlsDirectory } from '../../src/security/index.ts';
import { eventually } from '../eventually.ts';
import { verifies } from '../requirements.ts';

/** Lays a Secret volume out as the kubelet does: files are links through `..data`, swapped in one rename. */
async function publish(directory: string, version: string): Promise<void> {
  await mkdir(join(directory, version));
  for (const name of ['ca.crt', 'tls.crt', 'tls.key']) {
    await writeFile(join(directory, version, name), `${name} ${version}`);
    await symlink(join('..data', name), join(directory, name)).catch(() => undefined);
  }
  await symlink(version, join(directory, '..data.next'));
  await rename(join(directory, '..data.next'), join(directory, '..data'));
}

test(verifies('security.tls.reload'), async () => {
  const directory = await mkdtemp(join(tmpdir(), 'tls-'));
  await publish(directory, 'v1');
  const source = await openTlsDirectory(directory);
  const seen: string[] = [];
  source.onChange((material) => seen.push(material.cert));
  try {
    assert.equal(source.current().key, 'tls.key v1');
    await publish(directory, 'v2');
    await eventually('the new certificate', () => seen.includes('tls.crt v2'));
    assert.deepEqual(source.current(), { ca: 'ca.crt v2', cert: 'tls.crt v2', key: 'tls.key v2' });
  } finally {
    source.stop();
    await rm(directory, { recursive: true });
  }
});

test('a missing file is an error at once', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'tls-'));
  await assert.rejects(openTlsDirectory(directory), /ENOENT.*ca\.crt/);
  await rm(directory, { recursive: true });
});
