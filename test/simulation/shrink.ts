/** Makes a failing run smaller: fewer nodes, fewer kinds of faults, less time, fewer events, as long as it still fails. */
import { FAULTS, type Fault, type Reduction } from './settings.ts';
import { simulate, type SimulationResult } from './world.ts';

/** Runs that shrinking may cost. */
const RUNS_MAX = 400;

export interface Shrunk {
  readonly reduction: Reduction;
  readonly result: SimulationResult;
  readonly runs: number;
}

/** The smallest reduction found under which `seed` still fails, whatever the reason. */
export function shrink(seed: number, failing: SimulationResult): Shrunk {
  let best: Shrunk = { reduction: {}, result: failing, runs: 0 };
  let runs = 0;
  const attempt = (reduction: Reduction): boolean => {
    if (runs >= RUNS_MAX) return false;
    runs += 1;
    const result = simulate(seed, reduction);
    if (result.violation === undefined) return false;
    best = { reduction, result, runs };
    return true;
  };
  for (const fault of FAULTS) {
    if (!failing.settings.faults.has(fault)) continue;
    const without: Fault[] = [...(best.reduction.without ?? []), fault];
    attempt({ ...best.reduction, without });
  }
  for (let nodes = best.result.settings.nodes - 1; nodes >= 2; nodes--) {
    if (!attempt({ ...best.reduction, nodes })) break;
  }
  for (let share = 0.5; share > 0.05; share /= 2) {
    const horizonMs = Math.round(best.result.settings.chaosMs * (1 - share));
    while (attempt({ ...best.reduction, horizonMs: Math.round(horizonMs) })) break;
  }
  dropEvents(failing.plan.length, () => best.reduction, attempt);
  return { ...best, runs };
}

/** Leaves out planned events: halves of what is left, then quarters, down to single ones. */
function dropEvents(
  count: number,
  current: () => Reduction,
  attempt: (reduction: Reduction) => boolean,
): void {
  for (let size = Math.ceil(count / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let from = 0; from < count; from += size) {
      const dropped = new Set(current().drop ?? []);
      const more = Array.from({ length: size }, (_, i) => from + i).filter(
        (number) => number < count && !dropped.has(number),
      );
      if (more.length === 0) continue;
      attempt({ ...current(), drop: [...dropped, ...more].sort((a, b) => a - b) });
    }
  }
}

/** The options that replay a reduced run. */
export function replayCommand(
  seed: number,
  { nodes, horizonMs, without, drop }: Reduction,
): string {
  return [
    `npm run simulate -- --seed ${seed}`,
    nodes === undefined ? '' : `--nodes ${nodes}`,
    horizonMs === undefined ? '' : `--horizon ${horizonMs}`,
    without === undefined || without.length === 0 ? '' : `--without ${without.join(',')}`,
    drop === undefined || drop.length === 0 ? '' : `--drop ${ranges(drop)}`,
  ]
    .filter((part) => part !== '')
    .join(' ');
}

/** `1,2,3,7` as `1-3,7`. */
function ranges(numbers: readonly number[]): string {
  const parts: [number, number][] = [];
  for (const number of numbers) {
    const last = parts.at(-1);
    if (last !== undefined && last[1] === number - 1) last[1] = number;
    else parts.push([number, number]);
  }
  return parts.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(',');
}

/** The reverse of {@link ranges}. */
export function numbersIn(text: string): number[] {
  return text
    .split(',')
    .filter((part) => part !== '')
    .flatMap((part) => {
      const [from, to = from] = part.split('-').map(Number) as [number, number?];
      return Array.from({ length: to - from + 1 }, (_, i) => from + i);
    });
}
