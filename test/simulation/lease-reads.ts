/** Reads from the leader's lease, as the driver does them: kept by its clock, and not used any more once it hands over. */
import { createLeaderLease, type CoreStatus, type Message } from '../../src/raft/core/index.ts';
import type { LogMirror } from './log-mirror.ts';
import type { Settings } from './settings.ts';

export class LeaseReads {
  readonly #lease: ReturnType<typeof createLeaderLease>;
  /** The term in which leadership was handed to another: who was asked may campaign at any time. */
  #handedOver = 0;

  constructor({ electionTicks }: Settings['core'], tickMs: number) {
    // The first tick that a follower counts may come right after it answered.
    this.#lease = createLeaderLease((electionTicks.min - 1) * tickMs);
  }

  /** Heartbeats leave now. */
  sent(messages: readonly Message[], now: number): void {
    for (const message of messages) {
      if (message.type === 'heartbeat') this.#lease.sent(message.term, message.round, now);
      if (message.type === 'timeout-now') this.#handOver(message.term);
    }
  }

  /** Called after each step of the core. */
  look({ role, term, transferee }: CoreStatus, confirmedRound: number): void {
    if (role !== 'leader') return this.#lease.revoke();
    if (transferee !== undefined) this.#handOver(term);
    this.#lease.confirmed(term, confirmedRound);
  }

  /** True when the state may be read as it is: this member leads, knows what is committed, and has applied it. */
  mayRead(status: CoreStatus, log: LogMirror, now: number): boolean {
    const { role, term, commitIndex, appliedIndex } = status;
    if (role !== 'leader' || this.#handedOver >= term || appliedIndex < commitIndex) return false;
    return log.termAt(commitIndex) === term && this.#lease.isValid(term, now);
  }

  #handOver(term: number): void {
    this.#handedOver = Math.max(this.#handedOver, term);
    this.#lease.revoke();
  }
}
