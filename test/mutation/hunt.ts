/** Looks for a seed of the simulation that a mutant fails. */
import { simulate, type SimulationResult } from '../simulation/world.ts';
import { check, installHook } from './hook.ts';
import { MUTANTS, NOT_EXPRESSIBLE } from './mutants.ts';

type Simulate = (seed: number) => SimulationResult;

let installed = false;

/** The simulation with mutant `number` in it. */
export async function simulationWith(number: number): Promise<Simulate> {
  const mutant = MUTANTS[number];
  if (mutant === undefined) throw new RangeError(`there is no mutant ${number}`);
  check(mutant);
  if (!installed) installHook();
  installed = true;
  const world = (await import(`../simulation/world.ts?mutant=${number}`)) as { simulate: Simulate };
  return world.simulate;
}

/** Within so many seeds a mutant has to be found. */
export const MUTANT_SEEDS = 2_000;

/** Says for each mutant which seed finds it, or which test has to. */
export async function huntAll(
  first: number,
  count: number,
  print: (line: string) => void,
): Promise<void> {
  for (const [number, { bug, title, caughtBy }] of MUTANTS.entries()) {
    const found = await hunt(number, numbersFrom(first, count));
    const otherwise = 'test' in caughtBy ? `no seed, ${caughtBy.test}` : 'MISSED';
    const by = found === undefined ? otherwise : `seed ${found.seed}: ${found.message}`;
    print(`bug ${bug}, ${title}: ${by}`);
  }
  for (const [bug, reason] of Object.entries(NOT_EXPRESSIBLE)) print(`bug ${bug}: ${reason}`);
}

/** The first of `seeds` that fails with the mutant and holds without it; undefined when there is none. */
export async function hunt(
  number: number,
  seeds: Iterable<number>,
): Promise<{ readonly seed: number; readonly message: string } | undefined> {
  const simulateMutant = await simulationWith(number);
  for (const seed of seeds) {
    const { violation } = simulateMutant(seed);
    if (violation === undefined || simulate(seed).violation !== undefined) continue;
    return { seed, message: violation.message.split('\n')[0] as string };
  }
  return undefined;
}

export function* numbersFrom(first: number, count: number): Iterable<number> {
  for (let i = 0; i < count; i++) yield first + i;
}
