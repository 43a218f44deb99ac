/** What one front learns of a pod by its answers: how many requests are under way, how long they take, how many fail. */

/** How fast old latencies and failures are forgotten; Finagle's is 10 s. */
const DECAY_MS = 10_000;
/** After so long without an answer a pod counts as well again, or it would never be asked. */
const FORGIVE_MS = 30_000;

export interface Outcomes {
  active: number;
  /** Takes in one answer; `latencyMs` is ignored for an error, which may come at once. */
  answered(ok: boolean, latencyMs: number, nowMs: number): void;
  /** Peak EWMA in ms: jumps up to a worse answer at once, and comes down slowly; 0 = none. */
  latencyMs(nowMs: number): number;
  /** Share of answers without error, weighted towards the newest; 1 = none failed lately. */
  successShare(nowMs: number): number;
}

export function createOutcomes(): Outcomes {
  let latency = 0;
  let measuredAt = 0;
  let success = 1;
  let judgedAt = 0;
  /** Weight of what was known before, after so much time. */
  const kept = (elapsedMs: number, decayMs: number): number =>
    Math.exp(-Math.max(0, elapsedMs) / decayMs);
  const successShare = (nowMs: number): number =>
    1 - (1 - success) * kept(nowMs - judgedAt, FORGIVE_MS);
  return {
    active: 0,
    answered(ok, latencyMs, nowMs) {
      success = 0.9 * successShare(nowMs) + (ok ? 0.1 : 0);
      judgedAt = nowMs;
      if (!ok) return;
      const weight = kept(nowMs - measuredAt, DECAY_MS);
      // A first answer has nothing to be averaged with.
      latency =
        latencyMs > latency || latency === 0
          ? latencyMs
          : latency * weight + latencyMs * (1 - weight);
      measuredAt = nowMs;
    },
    latencyMs: (nowMs) => latency * kept(nowMs - measuredAt, DECAY_MS),
    successShare,
  };
}
