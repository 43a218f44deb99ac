/** Each in turn. */
import { eligible, type Balancer, type Candidate } from './balancer.ts';

export function createRoundRobin(): Balancer {
  /** Whose turn was the last one; the turn goes on from there when pods come and go. */
  let last: string | undefined;
  return {
    update(candidates) {
      const ring = eligible(candidates).toSorted((a, b) => (a.node < b.node ? -1 : 1));
      let next = ring.findIndex(({ node }) => last !== undefined && node > last);
      return {
        pick({ avoid, random }) {
          // Fronts that start together do not begin at the same pod.
          if (last === undefined) next = Math.floor(random.next() * ring.length);
          const start = Math.max(0, next);
          for (let step = 0; step < ring.length; step++) {
            const index = (start + step) % ring.length;
            const { node } = ring[index] as Candidate;
            if (avoid.has(node)) continue;
            last = node;
            next = index + 1 === ring.length ? 0 : index + 1;
            return node;
          }
          return undefined;
        },
      };
    },
  };
}
