/**
 * Requests with one key go to one pod; when pods come and go, only the keys of those move. Loads are bounded (Mirrokni, Thorup,
 * Zadimoghaddam): a pod with more than `loadFactor` times its share hands further keys to the next pod on the ring.
 */
import { hashText } from '../../std/index.ts';
import { eligible, weightOf, type Balancer, type Candidate, type PickRequest } from './balancer.ts';
import { connections, createTwoChoices } from './two-choices.ts';

export interface ConsistentHashOptions {
  /** Above 1; at Infinity no load is bounded. */
  readonly loadFactor: number;
}

/** Points of a pod of weight 1 on the ring: the shares of pods differ by about a tenth. */
const POINTS = 100;
/** Points of the whole ring; above it, each pod gets fewer. */
const POINTS_MAX = 100_000;
/** Room for the pod's number beside the hash in one double. */
const OWNERS = 2 ** 20;

export function createConsistentHash(options: ConsistentHashOptions): Balancer {
  /** For requests without a key. */
  const keyless = createTwoChoices(connections);
  return {
    update(candidates) {
      const all = eligible(candidates);
      const anywhere = keyless.update(candidates);
      const ring = createRing(all);
      const loads = createLoadBound(all, options.loadFactor);
      return {
        pick(request) {
          if (request.key === undefined) return anywhere.pick(request);
          return walk(request as PickRequest & { key: string }, all, ring, loads);
        },
      };
    },
  };
}

/** Clockwise from the key: the first pod with room, else the first that may be asked at all. */
function walk(
  { key, avoid }: PickRequest & { readonly key: string },
  all: readonly Candidate[],
  ring: Float64Array,
  loads: LoadBound,
): string | undefined {
  let index = lowerBound(ring, hashText(key) * OWNERS);
  let fallback: string | undefined;
  const full = new Set<Candidate>();
  for (let step = 0; step < ring.length && full.size < all.length; step++) {
    if (index === ring.length) index = 0;
    const candidate = all[(ring[index++] as number) % OWNERS] as Candidate;
    if (full.has(candidate)) continue;
    if (!avoid.has(candidate.node)) {
      if (loads.hasRoom(candidate)) {
        loads.picked();
        return candidate.node;
      }
      fallback ??= candidate.node;
    }
    full.add(candidate);
  }
  return fallback;
}

/** Sorted points; each is its hash, with the number of its pod in the low digits. */
function createRing(all: readonly Candidate[]): Float64Array {
  const weights = all.map(weightOf);
  const average = weights.reduce((sum, weight) => sum + weight, 0) / Math.max(1, all.length);
  const each = Math.max(1, Math.min(POINTS, Math.floor(POINTS_MAX / Math.max(1, all.length))));
  const points: number[] = [];
  for (const [number, { node }] of all.entries()) {
    const count = Math.max(1, Math.round((each * (weights[number] as number)) / average));
    for (let point = 0; point < Math.min(count, POINTS_MAX); point++)
      points.push(hashText(`${node}#${point}`) * OWNERS + number);
  }
  return Float64Array.from(points).sort();
}

interface LoadBound {
  hasRoom(candidate: Candidate): boolean;
  picked(): void;
}

/** Adding up all loads is O(n), so that is done once in n picks; in between each pick adds its own. */
function createLoadBound(all: readonly Candidate[], loadFactor: number): LoadBound {
  const weights = all.reduce((sum, candidate) => sum + weightOf(candidate), 0);
  const loadOf = ({ sessions, active }: Candidate): number => sessions + active;
  let total = 0;
  let picksLeft = 0;
  return {
    hasRoom(candidate) {
      if (picksLeft <= 0) {
        picksLeft = all.length;
        total = all.reduce((sum, each) => sum + loadOf(each), 0);
      }
      const share = ((total + 1) * weightOf(candidate)) / weights;
      return loadOf(candidate) + 1 <= Math.ceil(loadFactor * share);
    },
    picked() {
      picksLeft -= 1;
      total += 1;
    },
  };
}

/** The first index whose value is at least `value`; the length when there is none. */
function lowerBound(sorted: Float64Array, value: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] as number) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
