/** How scenarios are told to the runner: a name, what they need, and what happens. */
import type { Arena } from './arena.ts';
import { findKubectl, type Kubectl } from './kubectl.ts';
import type { Backend } from './laptop.ts';

/** `A` is what it needs beyond the arena that all have. */
export interface Scenario<A extends Arena = Arena> {
  readonly name: string;
  readonly run: (arena: A) => Promise<void>;
  /** Name of a program that it cannot do without and that is not there. */
  readonly lacks?: string | false;
  /** The only laptop cluster that it plays on; both when absent. */
  readonly only?: Backend;
  /** Longest time it may take; default 120 s. */
  readonly timeoutMs?: number;
}

export function scenario<A extends Arena = Arena>(
  name: string,
  run: (arena: A) => Promise<void>,
): Scenario<A> {
  return { name, run };
}

/**
 * Scenarios that wait far more than they work, each with a cluster of its own and without sessions: whichever comes first
 * begins all of them.
 */
export function sideBySide<A extends Arena = Arena>(
  scenarios: readonly Scenario<A>[],
): readonly Scenario<A>[] {
  let begun: readonly Promise<void>[] | undefined;
  return scenarios.map((each, index) => ({
    ...each,
    run: (arena) => {
      begun ??= scenarios.map(({ run }) => run(arena));
      // A failure is told by the scenario that it belongs to.
      for (const one of begun) one.catch(() => undefined);
      return begun[index] as Promise<void>;
    },
  }));
}

/** Skipped, by name, where there is no kubectl. */
export function kubectlScenario(
  name: string,
  run: (kubectl: Kubectl, arena: Arena) => Promise<void>,
): Scenario {
  return {
    name: `kubectl ${name}`,
    lacks: findKubectl() === undefined && 'kubectl',
    run: (arena) => run(arena.kubectl as Kubectl, arena),
  };
}
