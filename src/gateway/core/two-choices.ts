/**
 * The power of two choices (Mitzenmacher): of two pods drawn at random the one with the lower cost. It comes close to asking
 * all, costs O(1), and a crowd of fronts with the same old news does not run to the same pod.
 */
import { integerBetween, type Random } from '../../std/index.ts';
import { eligible, weightOf, type Balancer, type Candidate, type Picker } from './balancer.ts';

/** What it costs to send one more request there; only compared. */
export type Cost = (candidate: Candidate, nowMs: number) => number;

/** So few are all compared: drawing would cost as much. */
const ALL_COMPARED_MAX = 3;

export function createTwoChoices(cost: Cost): Balancer {
  return {
    update(candidates) {
      const all = eligible(candidates);
      return all.length <= ALL_COMPARED_MAX ? pickBest(all, cost) : pickOfTwo(all, cost);
    },
  };
}

/** Sessions held and requests under way, one more included, beside the weight. */
export const connections: Cost = (candidate) =>
  (candidate.sessions + candidate.active + 1) / weightOf(candidate);

function pickBest(all: readonly Candidate[], cost: Cost): Picker {
  return {
    pick({ avoid, nowMs }) {
      let best: Candidate | undefined;
      for (const candidate of all) {
        if (avoid.has(candidate.node)) continue;
        best = best === undefined ? candidate : cheaper(best, candidate, cost, nowMs);
      }
      return best?.node;
    },
  };
}

function pickOfTwo(all: readonly Candidate[], cost: Cost): Picker {
  return {
    pick({ avoid, random, nowMs }) {
      const first = draw(all, avoid, random);
      if (first === undefined) return undefined;
      const second = draw(all, avoid, random, first) ?? first;
      return cheaper(first, second, cost, nowMs).node;
    },
  };
}

/** A random pod, or the next one after it that may be taken: at most as many steps as there are pods to avoid. */
function draw(
  all: readonly Candidate[],
  avoid: ReadonlySet<string>,
  random: Random,
  taken?: Candidate,
): Candidate | undefined {
  const start = integerBetween(random, 0, all.length - 1);
  for (let step = 0; step < all.length; step++) {
    const candidate = all[(start + step) % all.length] as Candidate;
    if (candidate !== taken && !avoid.has(candidate.node)) return candidate;
  }
  return undefined;
}

function cheaper(a: Candidate, b: Candidate, cost: Cost, nowMs: number): Candidate {
  const difference = cost(a, nowMs) - cost(b, nowMs) || a.load - b.load;
  if (difference !== 0) return difference < 0 ? a : b;
  return b.local ? b : a;
}
