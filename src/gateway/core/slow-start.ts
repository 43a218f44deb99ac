/**
 * A pod that became ready gets its share by and by, as in Envoy: from a tenth at once, in proportion to its age, to all of it
 * after `slowStartMs`. Works with any picker: a pod still warming up is passed over as often as its share demands.
 */
import type { Balancer, Candidate } from './balancer.ts';

const SHARE_MIN = 0.1;
/** Pods passed over for one request; when so many warm up, they must take it. */
const PASSED_OVER_MAX = 3;

export function withSlowStart(balancer: Balancer, slowStartMs: number): Balancer {
  if (slowStartMs <= 0) return balancer;
  return {
    update(candidates) {
      const picker = balancer.update(candidates);
      const byNode = new Map(candidates.map((candidate) => [candidate.node, candidate]));
      const share = (node: string, nowMs: number): number => {
        const { readySinceMs } = byNode.get(node) as Candidate;
        return Math.max(SHARE_MIN, Math.min(1, (nowMs - readySinceMs) / slowStartMs));
      };
      return {
        pick(request) {
          const first = picker.pick(request);
          let node = first;
          const avoid = new Set(request.avoid);
          for (let passed = 0; node !== undefined && passed < PASSED_OVER_MAX; passed++) {
            const warm = share(node, request.nowMs);
            if (warm === 1 || request.random.next() < warm) return node;
            avoid.add(node);
            node = picker.pick({ ...request, avoid });
          }
          return node ?? first;
        },
      };
    },
  };
}
