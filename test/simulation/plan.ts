/** The faults of a run: planned ahead from the seed, each with its own chance, so that any of them can be left out. */
import { integerBetween } from '../../src/std/index.ts';
import {
  between,
  DRAWN_FAULTS,
  pick,
  RELUCTANCE_STREAM,
  stream,
  type Fault,
  type Settings,
} from './settings.ts';

/** What a planned event does; more of them than faults, as some faults end by an event of their own. */
export type Action =
  | 'network'
  | 'partition'
  | 'unblock'
  | 'reset'
  | 'pause'
  | 'crash'
  | 'crash-all'
  | 'stall'
  | 'fsync-error'
  | 'rot'
  | 'membership'
  | 'compaction'
  | 'transfer'
  | 'prefer'
  | 'fence';

export interface PlannedEvent {
  readonly number: number;
  readonly at: number;
  readonly action: Action;
  /** The chance of this event alone. */
  readonly seed: number;
}

const WEIGHTS: readonly (readonly [Action, Fault, number])[] = [
  ['network', 'loss', 2],
  ['network', 'duplication', 1],
  ['network', 'delay', 1],
  ['partition', 'partition', 4],
  ['unblock', 'partition', 3],
  ['reset', 'reset', 3],
  ['pause', 'pause', 3],
  ['crash', 'crash', 6],
  ['crash-all', 'crash', 0.5],
  ['stall', 'stall', 3],
  ['fsync-error', 'fsync-error', 1],
  ['rot', 'rot', 0.5],
  ['membership', 'membership', 5],
  ['compaction', 'compaction', 6],
  ['transfer', 'transfer', 2],
  ['prefer', 'transfer', 0.5],
];

export function drawPlan(settings: Settings, drop: readonly number[]): PlannedEvent[] {
  const random = stream(settings.seed, 1);
  // A planned leader that cannot win disturbs the others for ever where nobody asks first.
  const { preVote } = settings.core;
  const possible = WEIGHTS.filter(
    ([action, fault]) => settings.faults.has(fault) && (action !== 'prefer' || preVote),
  );
  // Some runs are about one kind of fault more than about any other.
  const focus = random.next() < 0.4 ? pick(random, DRAWN_FAULTS) : undefined;
  const weighted = possible.map(
    ([action, fault, weight]) => [action, fault === focus ? 5 * weight : weight] as const,
  );
  const total = weighted.reduce((sum, [, weight]) => sum + weight, 0);
  const dropped = new Set(drop);
  const gapMs = pick(random, [60, 120, 250]);
  const fences = settings.faults.has('reluctance') ? drawFences(settings.seed) : [];
  const events = fences.filter(({ number }) => !dropped.has(number));
  let at = between(random, 100, 400);
  for (let number = fences.length; at < settings.chaosMs; number++) {
    let dice = random.next() * total;
    const chosen = weighted.find(([, weight]) => (dice -= weight) < 0) ?? weighted.at(-1);
    const seed = integerBetween(random, 0, 2 ** 31);
    if (chosen !== undefined && !dropped.has(number)) {
      events.push({ number, at, action: chosen[0], seed });
    }
    at += between(random, 0.1, 2) * gapMs;
  }
  return events;
}

/** Who is fenced changes so often. */
const FENCES_MAX = 5;
const FENCE_BEFORE_MS = 4_000;

function drawFences(seed: number): PlannedEvent[] {
  const random = stream(seed, RELUCTANCE_STREAM + 1);
  return Array.from({ length: integerBetween(random, 1, FENCES_MAX) }, (_, number) => ({
    ...{ number, action: 'fence' as const },
    ...{ at: between(random, 0, FENCE_BEFORE_MS), seed: integerBetween(random, 0, 2 ** 31) },
  }));
}
