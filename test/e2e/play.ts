/** Scenarios as tests, in the order in which they are given. */
import { test } from 'node:test';
import { inspect } from 'node:util';
import type { Arena } from './arena.ts';
import type { Scenario } from './scenario.ts';
import { abandonSessions } from './sessions.ts';

const TIMEOUT_MS = 120_000;

/** Registers each scenario; `arena` is asked for when its turn comes. One that fails says what the processes said last. */
export function playAll<A extends Arena>(arena: () => A, scenarios: readonly Scenario<A>[]): void {
  for (const { name, lacks = false, timeoutMs = TIMEOUT_MS, run } of scenarios) {
    const skip = lacks !== false && `there is no ${lacks}`;
    test(name, { skip, timeout: timeoutMs }, async () => {
      try {
        await run(arena());
      } catch (error) {
        console.error(`${name}: ${inspect(error)}\n${await arena().lastWords()}`);
        throw error;
      } finally {
        abandonSessions();
      }
    });
  }
}
