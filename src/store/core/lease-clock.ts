/**
 * The leader's view of when leases end. It is no replicated state: a new leader begins with the full TTL for every lease,
 * which can only make a lease last longer. Time is an argument (monotonic ms of the leader).
 */

export interface LeaseClock {
  /** The term this node counts for; undefined while it does not lead. */
  readonly term: number | undefined;
  /** This node leads `term`: every lease gets its full TTL from `now` on. */
  lead(term: number, leases: readonly { id: number; ttlMs: number }[], now: number): void;
  /** This node does not lead (any more): nothing ends by its clock. */
  follow(): void;
  granted(id: number, ttlMs: number, now: number): void;
  ended(id: number): void;
  /** The lease's full TTL again; undefined when it is unknown here or already ending. */
  renew(id: number, now: number): number | undefined;
  /** Gives every lease `lateMs` more: this process did not run in that time, so keep-alives could not be heard. */
  postpone(lateMs: number): void;
  /** Leases that are over; from now on they cannot be renewed in this term. */
  due(now: number): readonly number[];
}

interface Countdown {
  readonly ttlMs: number;
  deadline: number;
  ending: boolean;
}

export function createLeaseClock(): LeaseClock {
  const countdowns = new Map<number, Countdown>();
  let term: number | undefined;
  const start = (id: number, ttlMs: number, now: number): void => {
    countdowns.set(id, { ttlMs, deadline: now + ttlMs, ending: false });
  };
  return {
    get term() {
      return term;
    },
    lead(newTerm, leases, now) {
      term = newTerm;
      countdowns.clear();
      for (const { id, ttlMs } of leases) start(id, ttlMs, now);
    },
    follow() {
      term = undefined;
      countdowns.clear();
    },
    granted(id, ttlMs, now) {
      if (term !== undefined) start(id, ttlMs, now);
    },
    ended: (id) => void countdowns.delete(id),
    renew(id, now) {
      const countdown = countdowns.get(id);
      if (countdown === undefined || countdown.ending) return undefined;
      countdown.deadline = now + countdown.ttlMs;
      return countdown.ttlMs;
    },
    postpone(lateMs) {
      for (const countdown of countdowns.values()) countdown.deadline += lateMs;
    },
    due(now) {
      const over: number[] = [];
      for (const [id, countdown] of countdowns) {
        if (countdown.deadline > now) continue;
        countdown.ending = true;
        over.push(id);
      }
      return over;
    },
  };
}
