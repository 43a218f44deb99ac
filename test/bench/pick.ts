/** What choosing a pod costs: nanoseconds a pick for each strategy over 3 to 3000 pods, and what a change of the pods costs. */
import {
  createBalancer,
  BALANCER_NAMES,
  type BalancerRules,
} from '../../src/gateway/core/balancers.ts';
import type { Candidate } from '../../src/gateway/core/balancer.ts';
import { seededRandom } from '../../src/std/index.ts';

const SIZES = [3, 30, 300, 3_000] as const;
const PICKS = 200_000;
/** The best of so many rounds: what disturbs a round only makes it slower. */
const ROUNDS = 5;
const NOBODY: ReadonlySet<string> = new Set();

interface LivePod extends Candidate {
  active: number;
}

/** Prints a table; the ratios say how much a pick over 3000 pods costs beside one over 3. */
export function benchPick(print: (line: string) => void): Record<string, number> {
  print(`ns a pick, ms an update${SIZES.map((size) => `${size} pods`.padStart(20)).join('')}`);
  const ratios: Record<string, number> = {};
  for (const strategy of BALANCER_NAMES) {
    const cells = SIZES.map((size) => measure(strategy, size));
    const row = cells.map(({ pickNs, updateMs }) => {
      return `${pickNs.toFixed(0)} ns ${updateMs.toFixed(2)} ms`.padStart(20);
    });
    print(`${strategy.padEnd(23)}${row.join('')}`);
    ratios[`pick.${strategy}.3000PodsOver3`] =
      Math.round((10 * (cells.at(-1)?.pickNs ?? 0)) / (cells[0]?.pickNs ?? 1)) / 10;
  }
  return ratios;
}

function measure(
  strategy: BalancerRules['strategy'],
  size: number,
): { pickNs: number; updateMs: number } {
  const balancer = createBalancer({
    strategy,
    slowStartMs: 0,
    consistentHash: { loadFactor: 1.25 },
  });
  const pods = Array.from({ length: size }, (_, index) => createPod(index));
  const byNode = new Map(pods.map((pod) => [pod.node, pod]));
  const random = seededRandom(1);
  const keys = Array.from({ length: 1_024 }, (_, index) => `session ${index}`);
  let updateMs = Infinity;
  let pickNs = Infinity;
  for (let round = 0; round < ROUNDS; round++) {
    const updatedAt = performance.now();
    const picker = balancer.update(pods);
    updateMs = Math.min(updateMs, performance.now() - updatedAt);
    const startedAt = performance.now();
    for (let pick = 0; pick < PICKS; pick++) {
      const key = keys[pick % keys.length];
      const node = picker.pick({ key, avoid: NOBODY, random, nowMs: pick });
      // Each request begins and ends, so that loads keep moving.
      const pod = byNode.get(node ?? '');
      if (pod !== undefined) pod.active = pick % 4;
    }
    pickNs = Math.min(pickNs, ((performance.now() - startedAt) * 1e6) / PICKS);
  }
  return { pickNs, updateMs };
}

function createPod(index: number): LivePod {
  return {
    node: `pod-${index}`,
    ready: true,
    local: index === 0,
    weight: 1 + (index % 3),
    capabilities: [],
    active: 0,
    sessions: index % 7,
    load: index % 7,
    resources: { cpu: (index % 10) / 10, memory: 0.5, loopDelayMs: index % 20 },
    readySinceMs: -Infinity,
    latencyMs: () => 1 + (index % 50),
    successShare: () => 1 - (index % 5) / 50,
  };
}
