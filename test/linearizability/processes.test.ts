/** A short run with real processes and every fault, and one with a bug made on purpose, which both judges must see. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { verifies } from '../requirements.ts';
import { FAULT_NAMES } from './faults.ts';
import { buildGoJudge, porcupineDirectory, type GoVerdict } from './go-judge.ts';
import { runOnce } from './run.ts';

function folder(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'linearizability-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** Porcupine's verdict; undefined where there is no Go. */
async function secondOpinion(path: string, directory: string): Promise<GoVerdict | undefined> {
  if (porcupineDirectory() === undefined) return undefined;
  return (await (await buildGoJudge(directory))([path]))[0];
}

test(verifies('raft.linearizable-whatever-befalls'), async (t) => {
  const cases = [
    { reads: 'quorum', seconds: 10, faults: FAULT_NAMES },
    { reads: 'lease', seconds: 6, faults: ['pause', 'deaf hand-over', 'isolated', 'stalled disk'] },
  ] as const;
  for (const options of cases) {
    await t.test(`${options.reads} reads`, async (t) => {
      const directory = folder(t);
      const report = (line: string): void => t.diagnostic(line);
      const result = await runOnce({ ...options, seed: 1, directory, report });
      t.diagnostic(JSON.stringify(result.counts));
      assert.deepEqual(result.verdict, { verdict: 'linearizable' });
      const second = await secondOpinion(result.historyPath, directory);
      assert.equal(second ?? 'linearizable', 'linearizable');
    });
  }
});

test(verifies('raft.stale-reads-are-caught'), async (t) => {
  const directory = folder(t);
  const { verdict, historyPath } = await runOnce({
    seconds: 4,
    seed: 1,
    directory,
    faults: ['isolated', 'deaf'],
    staleReads: true,
  });
  assert.equal(verdict.verdict, 'not-linearizable');
  const second = await secondOpinion(historyPath, directory);
  assert.equal(second ?? 'not-linearizable', 'not-linearizable');
});
