/** The mutation gate: every real bug of the list that our design can express is put back, and must be found. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { verifies } from '../requirements.ts';
import { check } from './hook.ts';
import { hunt, MUTANT_SEEDS, numbersFrom } from './hunt.ts';
import { MUTANTS, NOT_EXPRESSIBLE } from './mutants.ts';

const BUGS = 24;
const HOOK = new URL('hook.ts', import.meta.url).href;
const ROOT = fileURLToPath(new URL('../../', import.meta.url));

test('every bug of the list has a mutant, or a reason why it has none', () => {
  const known = new Set([
    ...MUTANTS.map(({ bug }) => bug),
    ...Object.keys(NOT_EXPRESSIBLE).map(Number),
  ]);
  const all = Array.from({ length: BUGS }, (_, i) => i + 1);
  assert.deepEqual(
    all.filter((bug) => !known.has(bug)),
    [],
  );
  for (const mutant of MUTANTS) check(mutant);
});

/** Runs a test file with the mutant in it; true when it fails. */
function failsIn(file: string, number: number): Promise<boolean> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      ['--import', HOOK, '--test', '--test-reporter=dot', file],
      { cwd: ROOT, env: { ...process.env, MUTANT: String(number), NODE_TEST_CONTEXT: undefined } },
      (error) => resolve(error !== null),
    );
  });
}

test(verifies('raft.mutants-are-caught'), async (t) => {
  for (const [number, mutant] of MUTANTS.entries()) {
    const { bug, title, caughtBy } = mutant;
    await t.test(`bug ${bug}: ${title}`, async (each) => {
      if ('test' in caughtBy) {
        each.diagnostic(`caught by ${caughtBy.test}`);
        assert.ok(await failsIn(caughtBy.test, number), `${caughtBy.test} passes with it`);
        return;
      }
      // A change of the core moves what a seed means: then another one has to do it.
      const { seed } = caughtBy;
      const found =
        (await hunt(number, [seed])) ?? (await hunt(number, numbersFrom(1, MUTANT_SEEDS)));
      assert.ok(found !== undefined, `none of ${MUTANT_SEEDS} seeds finds it`);
      const moved = found.seed === seed ? '' : `, no longer ${seed}`;
      each.diagnostic(`seed ${found.seed}${moved}: ${found.message}`);
    });
  }
});
