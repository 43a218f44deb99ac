/** What a bundle loads of Node when it imports a server of it. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { build, type BuildFailure } from 'esbuild';
import { lazyBuiltins } from '../../deploy/lazy-builtins.ts';
import { verifies } from '../requirements.ts';

const bundled = async (contents: string, isLazy = true): Promise<string> => {
  const { outputFiles } = await build({
    stdin: { contents },
    bundle: true,
    platform: 'node',
    format: 'esm',
    write: false,
    logLevel: 'silent',
    plugins: isLazy ? [lazyBuiltins] : [],
  });
  return outputFiles[0]?.text ?? '';
};

const output = (program: string): string => {
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program]);
  assert.equal(String(stderr), '');
  return String(stdout).trim();
};

const PROGRAM = `
  import { createServer } from 'node:http';
  import { connect } from 'node:tls';
  import crypto, { randomUUID } from 'crypto';
  const loaded = process.moduleLoadList.filter((name) => /undici|webcrypto/.test(name)).length;
  console.log(typeof createServer, typeof connect, typeof randomUUID, loaded > 0, typeof crypto.webcrypto);
`;

test(verifies('bundle.loads-no-more'), async () => {
  assert.equal(output(await bundled(PROGRAM)), 'function function function false object');
  assert.equal(output(await bundled(PROGRAM, false)), 'function function function true object');
});

test('a name behind a getter cannot be imported, which the build says', async () => {
  const importing = bundled("import { WebSocket } from 'node:http'; console.log(WebSocket);");
  await assert.rejects(importing, ({ errors }: BuildFailure) => {
    assert.match(
      errors[0]?.text ?? '',
      /No matching export in "lazy-builtin:http" for import "WebSocket"/,
    );
    return true;
  });
});
