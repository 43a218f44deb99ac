/** What is committed under src/rpc/generated is what the proto files say. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { generateRpcFiles } from '../../src/rpc/generate.ts';
import { verifies } from '../requirements.ts';

test(verifies('rpc.generated-is-current'), async () => {
  for (const [name, content] of Object.entries(await generateRpcFiles())) {
    const committed = new URL(`../../src/rpc/generated/${name}`, import.meta.url);
    assert.equal(await readFile(committed, 'utf8'), content, `${name}: run npm run generate`);
  }
});
