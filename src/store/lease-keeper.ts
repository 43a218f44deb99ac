/**
 * Leases by the leader's clock. Keep-alives go to the Raft leader and not through the log; the leader answers one only after
 * it has proved to a majority that it still leads, and ends a lease by proposing it, bound to its term: a deposed leader,
 * however late its proposals come, ends nothing.
 */
import type { Clock } from '../std/index.ts';
import type { Logger } from '../telemetry/index.ts';
import { createLeaseClock } from './core/lease-clock.ts';
import type { Outcome, StateMachine } from './core/machine.ts';
import type { KeepAliveAnswer, LogStatus, ReplicatedLog } from './ports.ts';
import type { Proposer } from './proposer.ts';

/** How often the leader looks for leases that are over; adds at most this to a lease. */
const CHECK_INTERVAL_MS = 50;
/** A check that comes later than this means that the process did not run; leases get the lost time back. */
const PAUSE_MS = 200;

export interface LeaseKeeper {
  /** Answers a keep-alive as the leader, or says that this node does not lead. */
  serveKeepAlive(id: number, signal?: AbortSignal): Promise<KeepAliveAnswer>;
  /** Keeps the countdowns in step with what this node applies. */
  observe(outcome: Outcome): void;
  stop(): void;
}

export interface LeaseKeeperOptions {
  readonly log: ReplicatedLog;
  readonly machine: Pick<StateMachine, 'leases'>;
  readonly proposer: Pick<Proposer, 'propose'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

export function createLeaseKeeper(options: LeaseKeeperOptions): LeaseKeeper {
  const { log, machine, proposer, clock, logger } = options;
  const leases = createLeaseClock();
  let checkedAt = 0;
  let cancelCheck: () => void = () => undefined;
  /** An expiry is in the log's hands; the next one waits for it. */
  let expiring = false;

  const expire = async (ids: readonly number[], term: number): Promise<void> => {
    expiring = true;
    try {
      const outcome = await proposer.propose({ type: 'expire', leases: ids, term });
      logger.info('leases ended by time', outcome);
    } catch (error) {
      logger.warn('leases could not be ended yet', { leases: ids, error });
    } finally {
      expiring = false;
    }
  };

  const check = (): void => {
    const now = clock.monotonic();
    const late = now - checkedAt - CHECK_INTERVAL_MS;
    if (late > PAUSE_MS) leases.postpone(late);
    checkedAt = now;
    const due = expiring ? [] : leases.due(now);
    if (due.length > 0 && leases.term !== undefined) void expire(due, leases.term);
    cancelCheck = clock.schedule(CHECK_INTERVAL_MS, check);
  };

  const onStatus = (status: LogStatus): void => {
    if (status.role === 'leader' && leases.term !== status.term) {
      leases.lead(status.term, machine.leases(), clock.monotonic());
      cancelCheck();
      checkedAt = clock.monotonic();
      cancelCheck = clock.schedule(CHECK_INTERVAL_MS, check);
    } else if (status.role !== 'leader' && leases.term !== undefined) {
      leases.follow();
      cancelCheck();
    }
  };
  const unsubscribe = log.onStatus(onStatus);
  onStatus(log.status());

  return {
    async serveKeepAlive(id, signal) {
      const { term } = leases;
      if (term === undefined) return { status: 'not-leader' };
      // A leader cut off from the majority must not renew: its successor may already be counting the lease down.
      const leads = await log.readBarrier(signal).then(
        () => leases.term === term && log.status().term === term,
        () => false,
      );
      if (!leads) return { status: 'not-leader' };
      const ttlMs = leases.renew(id, clock.monotonic());
      return ttlMs === undefined ? { status: 'lease-not-found' } : { status: 'renewed', ttlMs };
    },
    observe(outcome) {
      if (outcome.type === 'granted') leases.granted(outcome.id, outcome.ttlMs, clock.monotonic());
      if (outcome.type === 'revoked') outcome.leases.forEach((id) => leases.ended(id));
    },
    stop() {
      unsubscribe();
      cancelCheck();
    },
  };
}
