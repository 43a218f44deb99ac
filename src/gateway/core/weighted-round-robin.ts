/**
 * Turns in proportion to weights, as evenly spread as those of nginx's smooth weighted round robin. That one looks at every pod
 * for each pick; here the pods wait in a heap for their next turn, which for weight w is due each 1/w, the first after half of
 * it (the divisor method of Webster), so that a pick is O(log n).
 */
import { eligible, weightOf, type Balancer, type Candidate } from './balancer.ts';
import { createHeap } from './heap.ts';

interface Turn {
  readonly node: string;
  readonly interval: number;
  /** Virtual instant of the next turn. */
  dueAt: number;
  /** The turn before, as a count: of two that are due together, who waited longer is first. */
  lastTurn: number;
}

const isSooner = (a: Turn, b: Turn): boolean =>
  a.dueAt === b.dueAt
    ? a.lastTurn === b.lastTurn
      ? a.node < b.node
      : a.lastTurn < b.lastTurn
    : a.dueAt < b.dueAt;

export function createWeightedRoundRobin(): Balancer {
  let now = 0;
  let turns = 0;
  let known = new Map<string, Turn>();

  /** A pod that stays keeps its place in time; one that is new or has another weight begins at half an interval. */
  const turnOf = (candidate: Candidate): Turn => {
    const { node } = candidate;
    const interval = 1 / weightOf(candidate);
    const before = known.get(node);
    if (before?.interval === interval) return before;
    return { node, interval, dueAt: now + interval / 2, lastTurn: -1 };
  };
  return {
    update(candidates) {
      const all = eligible(candidates).map(turnOf);
      known = new Map(all.map((turn) => [turn.node, turn]));
      const heap = createHeap(all, isSooner);
      return {
        pick({ avoid }) {
          const passedOver: Turn[] = [];
          let turn = heap.pop();
          while (turn !== undefined && avoid.has(turn.node)) {
            passedOver.push(turn);
            turn = heap.pop();
          }
          // Who was to be avoided keeps its turn.
          for (const each of passedOver) heap.push(each);
          if (turn === undefined) return undefined;
          now = Math.max(now, turn.dueAt);
          // Turns missed while avoided are not made up for in one go.
          turn.dueAt = Math.max(turn.dueAt, now - turn.interval) + turn.interval;
          turn.lastTurn = turns++;
          heap.push(turn);
          return turn.node;
        },
      };
    },
  };
}
