/** What the image holds, built as deploy/Dockerfile builds it but without Docker, and the program run from it alone. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { bundle } from '../../deploy/build.ts';
import { readImage } from '../../deploy/image.ts';
import { makeRootFs } from '../../deploy/rootfs.ts';
import type { BillOfMaterials } from '../../deploy/sbom.ts';
import { givesTheWord } from '../../src/operator/core/leaving-hooks.ts';
import { eventually } from '../eventually.ts';
import { freePort } from '../free-ports.ts';
import { verifies } from '../requirements.ts';

const isLinux = process.platform === 'linux' ? false : 'an image for Linux is made on Linux';
const isRoot = process.getuid?.() === 0 ? false : 'chroot needs root';
const { entrypoint, user, env: imageEnv } = readImage();

void suite('image', { skip: isLinux }, () => {
  let folder: string;
  let rootFs: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'image-'));
    rootFs = join(folder, 'root');
    await bundle(join(folder, 'dist'), { sbom: true });
    await makeRootFs(rootFs, join(folder, 'dist'));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  const inRoot = (...command: string[]): [string, string[]] => [
    'chroot',
    [`--userspec=${user}`, rootFs, ...command],
  ];
  const inImage = (...args: string[]): [string, string[]] => inRoot(...entrypoint, ...args);
  /** Of this process nothing but a path; the image has the rest. */
  const env = { ...imageEnv, PATH: '/usr/local/bin:/usr/bin:/usr/sbin:/bin:/sbin' };

  test(verifies('image.minimal'), async () => {
    assert.deepEqual((await readdir(join(rootFs, 'usr/local/bin'))).sort(), ['node']);
    const all = await readdir(rootFs, { recursive: true });
    assert.deepEqual(
      all.filter((path) => /(^|\/)(sh|bash|busybox|npm|apt|apk|node_modules)$/.test(path)),
      [],
    );
  });

  test(verifies('image.bill-of-materials'), () => {
    const path = join(rootFs, 'opt/mcp-cluster/sbom.cdx.json');
    const bill = JSON.parse(readFileSync(path, 'utf8')) as BillOfMaterials;
    const names = bill.components.map(({ name }) => name);
    // What the program cannot run without is listed, what only makes or tests it is not.
    for (const name of ['node', '@grpc/grpc-js', 'undici', 'pino']) assert.ok(names.includes(name));
    for (const name of ['typescript', 'esbuild', 'fast-check', 'knip'])
      assert.ok(!names.includes(name), name);
    for (const { name, version, purl, licenses } of bill.components) {
      assert.ok(purl.startsWith('pkg:npm/') && purl.endsWith(`@${version}`), purl);
      assert.ok((licenses ?? []).length > 0, `${name} has a licence`);
    }
    assert.equal(bill.metadata.component.name, 'mcp-cluster-operator');
  });

  test(verifies('image.compiled-code'), { skip: isRoot }, () => {
    for (const command of ['operator', 'sidecar']) {
      const flag = command === 'operator' ? '--kubeconfig' : '--config';
      const started = spawnSync(...inImage(command, flag, '/missing'), {
        env: { ...env, NODE_DEBUG_NATIVE: 'COMPILE_CACHE' },
        encoding: 'utf8',
      });
      assert.match(started.stderr, new RegExp(`${command}-command-\\w+\\.mjs was accepted`));
      assert.doesNotMatch(started.stderr, /was rejected|temporary file/);
    }
  });

  test(
    'the hook of the sidecar finds its program in the PATH of the image',
    { skip: isRoot },
    async () => {
      const { command } = givesTheWord('/tmp').preStop.exec;
      assert.equal(imageEnv['PATH'], '/usr/local/bin');
      const { status, stderr } = spawnSync(...inRoot(...command), { env, encoding: 'utf8' });
      assert.equal(status, 0, stderr);
      assert.ok((await readdir(join(rootFs, 'tmp'))).includes('hand-over'));
    },
  );

  test(verifies('image.runs'), { skip: isRoot }, async (t) => {
    const help = spawnSync(...inImage('--help'), { env, encoding: 'utf8' });
    assert.match(help.stdout, /operator[\s\S]*sidecar/, help.stderr);
    const port = await freePort();
    const flags = [
      '--node-id',
      'one',
      '--cluster-port',
      `${port}`,
      '--peers',
      `one@127.0.0.1:${port}`,
    ];
    const [command, args] = inImage('sidecar', ...flags, '--session-db-path', '/tmp/data');
    const child = spawn(command, args, { env: { ...env, HOME: '/tmp' }, stdio: 'pipe' });
    let output = '';
    child.stdout.on('data', (text: Buffer) => (output += text.toString()));
    child.stderr.on('data', (text: Buffer) => (output += text.toString()));
    const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
    t.after(() => child.kill('SIGKILL'));
    await eventually('the sidecar to lead itself', () => {
      assert.equal(child.exitCode, null, output);
      return output.includes('"role":"leader"');
    });
    child.kill('SIGTERM');
    assert.equal(await ended, 0, output);
  });
});
