/** Many seeds over several threads, and what came of them. */
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads';
import { simulate } from './world.ts';

export interface SweepResult {
  seeds: number;
  events: number;
  virtualMs: number;
  committed: number;
  acknowledged: number;
  reads: number;
  /** Lowest first. */
  failures: { readonly seed: number; readonly message: string }[];
}

interface Share {
  readonly kind: 'sweep';
  readonly first: number;
  readonly count: number;
  readonly step: number;
}

/** Runs `count` seeds from `first` on; stops a thread at its first failure. */
export async function sweep(first: number, count: number, threads: number): Promise<SweepResult> {
  const parts = await Promise.all(
    Array.from({ length: Math.min(threads, count) }, (_, i) => {
      const share: Share = { kind: 'sweep', first: first + i, count: count - i, step: threads };
      return inThread(share);
    }),
  );
  const total = empty();
  for (const part of parts) {
    for (const key of [
      'seeds',
      'events',
      'virtualMs',
      'committed',
      'acknowledged',
      'reads',
    ] as const) {
      total[key] += part[key];
    }
    total.failures.push(...part.failures);
  }
  total.failures.sort((a, b) => a.seed - b.seed);
  return total;
}

function inThread(share: Share): Promise<SweepResult> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: share });
    worker.once('message', resolve);
    worker.once('error', reject);
  });
}

function empty(): SweepResult {
  return {
    seeds: 0,
    events: 0,
    virtualMs: 0,
    committed: 0,
    acknowledged: 0,
    reads: 0,
    failures: [],
  };
}

function runShare({ first, count, step }: Share): SweepResult {
  const total = empty();
  for (let seed = first; seed < first + count; seed += step) {
    const result = simulate(seed);
    total.seeds += 1;
    total.events += result.events;
    total.virtualMs += result.virtualMs;
    total.committed += result.committed;
    total.acknowledged += result.acknowledged;
    total.reads += result.reads;
    if (result.violation === undefined) continue;
    total.failures.push({ seed, message: result.violation.message });
    return total;
  }
  return total;
}

if (!isMainThread && (workerData as Share | undefined)?.kind === 'sweep') {
  parentPort?.postMessage(runShare(workerData as Share), []);
}
