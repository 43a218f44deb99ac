/**
 * Our own scenarios: each a story that broke some Raft once, as commands and what comes of them. `SCENARIOS_REWRITE=1` in the
 * environment writes what comes of them now into the files; read the difference before keeping it.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { verifies } from '../requirements.ts';
import { formatCase, parseCases } from './datadriven.ts';
import { VERBS } from './own-verbs.ts';
import { play } from './play.ts';

const FOLDER = join(import.meta.dirname, 'scripts');
const REWRITE = process.env['SCENARIOS_REWRITE'] === '1';

test(verifies('raft.known-bugs-do-not-return'), async (t) => {
  const names = readdirSync(FOLDER).filter((name) => name.endsWith('.txt'));
  for (const name of names) {
    await t.test(name, () => {
      const file = join(FOLDER, name);
      const played = play(parseCases(readFileSync(file, 'utf8')), { verbs: VERBS, lost: [] });
      if (REWRITE) {
        const text = played.map(({ given, actual }) => formatCase(given, actual)).join('\n');
        writeFileSync(file, text);
      } else {
        for (const { given, actual } of played) {
          assert.equal(actual, given.expected, `${name}, line ${given.line}: ${given.directive}`);
        }
      }
    });
  }
});
