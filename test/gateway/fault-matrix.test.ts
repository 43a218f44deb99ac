/** The fault matrix: every piece that can die, in every phase of a request, in both eras; each case as it is stated. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { verifies } from '../requirements.ts';
import { runCase, type KillableServer } from './fault-case.ts';
import { CASES, matrixTable, runsAllowed, statedOutcome, type Observed } from './fault-matrix.ts';
import { startFixture } from './modern-world.ts';

/** An outcome comes so soon after the fault, with the time that a repetition takes. */
const OUTCOME_MS_MAX = 1_000 + 600;
const only = process.env['FAULT_CASE'];

test(verifies('faults.matrix'), async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'faults-'));
  const alive: KillableServer[] = [];
  const used = new Set<KillableServer>();
  let started = 0;
  const startServer = async (): Promise<KillableServer> => {
    const effectsFile = join(folder, `effects-${started++}`);
    const fixture = await startFixture({ EFFECTS_FILE: effectsFile });
    const server: KillableServer = {
      port: fixture.port,
      effectsFile,
      kill() {
        used.add(server);
        return fixture.kill();
      },
    };
    alive.push(server);
    return server;
  };
  t.after(async () => {
    await Promise.all(alive.map((server) => server.kill()));
    await rm(folder, { recursive: true, force: true });
  });

  const observed: Observed[] = [];
  let pair = await Promise.all([startServer(), startServer()]);
  for (const [number, which] of CASES.entries()) {
    const name = `${which.era}, ${which.piece}, ${which.phase}, ${which.idempotent ? 'repeatable' : 'other'}`;
    if (only !== undefined && !name.includes(only)) continue;
    await t.test(name, async () => {
      const seen = await runCase(which, pair, `mark-${number}`);
      observed.push(seen);
      assert.equal(seen.outcome, statedOutcome(which));
      assert.ok(
        runsAllowed(which).includes(seen.runs),
        `the tool ran ${seen.runs} times, allowed: ${runsAllowed(which).join(' or ')}`,
      );
      assert.ok(seen.afterMs < OUTCOME_MS_MAX, `it took ${Math.round(seen.afterMs)} ms`);
    });
    pair = await Promise.all(
      pair.map((server) => (used.has(server) ? startServer() : server)) as [
        Promise<KillableServer>,
        Promise<KillableServer>,
      ],
    );
  }
  t.diagnostic(`\n${matrixTable(observed)}`);
});
