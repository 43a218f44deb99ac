/** The committed page of the plugin. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { pluginPage } from '../../../deploy/plugin-page.ts';
import { createProgram } from '../../../src/cli/verbs/program.ts';
import { verifies } from '../../requirements.ts';

test(verifies('verbs.documented'), async () => {
  const file = new URL('../../../docs/kubectl-plugin.md', import.meta.url);
  const page = await readFile(file, 'utf8');
  assert.equal(page, pluginPage(), 'stale: run npm run generate');
  const verbs = createProgram(() => undefined).commands.map((command) => command.name());
  for (const verb of verbs) assert.ok(page.includes(`## ${verb}\n`), `${verb} is not on the page`);
});
