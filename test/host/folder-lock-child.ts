/**
 * A process that takes a folder: `folder-lock-child.ts FOLDER WAIT_MS STEP`. At each line of its input it tries, and says `has` or
 * `refused` with the reason. With a STEP it tries at once, and kills itself there: before or after its n-th step of any kind.
 */
import files from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { DatabaseSync } from 'node:sqlite';
import { createInterface } from 'node:readline';
import { lockFolder, systemClock } from '../../src/host/index.ts';

const [folder = '', waitMs, step] = process.argv.slice(2);
let passed = 0;

function reached(): void {
  passed += 1;
  if (passed === Number(step)) process.kill(process.pid, 'SIGKILL');
}

/** Everything that the lock asks of disk and kernel passes here. */
function watchSteps(): void {
  const watch = <T extends object>(owner: T, name: keyof T & string): void => {
    const real = owner[name] as (...args: unknown[]) => unknown;
    const watched = function (this: unknown, ...args: unknown[]): unknown {
      reached();
      const result = real.apply(this, args);
      if (!(result instanceof Promise)) reached();
      return result instanceof Promise ? result.finally(reached) : result;
    };
    Object.assign(owner, { [name]: watched });
  };
  for (const name of ['writeFile', 'rename', 'rm'] as const) watch(files, name);
  for (const name of ['exec', 'close'] as const) watch(DatabaseSync.prototype, name);
  syncBuiltinESMExports();
}

async function attempt(): Promise<void> {
  try {
    const lock = await lockFolder(folder, { clock: systemClock, waitMs: Number(waitMs) });
    console.log('has');
    if (step !== undefined) await lock.release();
  } catch (error) {
    console.log(`refused ${(error as Error).message}`);
  }
}

if (step === undefined) {
  console.log('ready');
  for await (const _ of createInterface({ input: process.stdin })) await attempt();
} else {
  watchSteps();
  await attempt();
  console.log(`passed ${passed}`);
}
