/**
 * The leader's lease (thesis §6.4.1): while it lasts no other member can have become leader, since a majority promised, by
 * answering a heartbeat, to grant no vote for the shortest election timeout. It is kept by the driver's clock, which goes on
 * while the process is held up, where ticks would not.
 */

/** How much faster the leader's clock may run than a follower's, as a part of the timeout, before a lease is wrong. */
export const CLOCK_DRIFT_MAX = 0.1;

export interface LeaderLease {
  /** A round of heartbeats of `term` was handed to the network at `now` (milliseconds of a clock that never stops). */
  sent(term: number, round: number, now: number): void;
  /** A majority answered up to `round`. */
  confirmed(term: number, round: number): void;
  /** True when a read may be answered from the state of this member without asking anyone. */
  isValid(term: number, now: number): boolean;
}

/** A lease that lasts `promiseMs`, which followers keep by their own clocks, from when a confirmed round was sent. */
export function createLeaderLease(promiseMs: number): LeaderLease {
  const durationMs = promiseMs * (1 - CLOCK_DRIFT_MAX);
  let lease = { term: 0, until: -Infinity };
  let pending: { readonly term: number; readonly round: number; readonly at: number }[] = [];
  return {
    sent(term, round, now) {
      const last = pending.at(-1);
      // Of a round that goes to several members the first counts.
      if (last?.term === term && last.round >= round) return;
      pending = pending.filter((one) => one.term === term && one.at + durationMs > now);
      pending.push({ term, round, at: now });
    },
    confirmed(term, round) {
      const answered = pending.filter((one) => one.term === term && one.round <= round);
      const last = answered.at(-1);
      if (last === undefined) return;
      const until = last.at + durationMs;
      lease = { term, until: lease.term === term ? Math.max(lease.until, until) : until };
      pending = pending.filter((one) => one.round > round);
    },
    isValid: (term, now) => lease.term === term && now < lease.until,
  };
}
