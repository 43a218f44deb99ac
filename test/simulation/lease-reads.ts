/** Reads from the leader's lease, as the driver does them: kept by its clock. */
import { createLeaderLease, type CoreStatus, type Message } from '../../src/raft/core/index.ts';
import type { Settings } from './settings.ts';

export class LeaseReads {
  readonly #lease: ReturnType<typeof createLeaderLease>;

  constructor({ electionTicks }: Settings['core'], tickMs: number) {
    // The first tick that a follower counts may come right after it answered.
    this.#lease = createLeaderLease((electionTicks.min - 1) * tickMs);
  }

  /** Heartbeats leave now. */
  sent(messages: readonly Message[], now: number): void {
    for (const message of messages) {
      if (message.type === 'heartbeat') this.#lease.sent(message.term, message.round, now);
    }
  }

  /** Called after each step of the core. */
  look({ mayLease, term }: CoreStatus, confirmedRound: number): void {
    if (mayLease) this.#lease.confirmed(term, confirmedRound);
  }

  /** True when the state may be read as it is: this member leads, knows what is committed, and has applied it. */
  mayRead({ mayLease, term, commitIndex, appliedIndex }: CoreStatus, now: number): boolean {
    return mayLease && appliedIndex >= commitIndex && this.#lease.isValid(term, now);
  }
}
