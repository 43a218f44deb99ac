/** Keeps the history bounded: the leader proposes a compaction when the kept history is twice what should stay. */
import type { Logger } from '../telemetry/index.ts';
import type { StateMachine } from './core/machine.ts';
import type { ReplicatedLog } from './ports.ts';
import type { Proposer } from './proposer.ts';

export interface HistoryLimits {
  /** Events that a compaction leaves; at most about twice as many are kept. */
  readonly historyEventsMax: number;
  /** The same for the characters of keys and values. */
  readonly historyWeightMax: number;
}

export interface CompactorOptions extends HistoryLimits {
  readonly log: ReplicatedLog;
  readonly machine: Pick<StateMachine, 'keyspace'>;
  readonly proposer: Pick<Proposer, 'propose'>;
  readonly logger: Logger;
}

/** Returns the check to run after each applied entry. */
export function createCompactor(options: CompactorOptions): () => void {
  const { log, proposer, logger, historyEventsMax, historyWeightMax } = options;
  let compacting = false;

  const compact = async (revision: number): Promise<void> => {
    compacting = true;
    try {
      await proposer.propose({ type: 'compact', revision });
      logger.debug('history compacted', { revision });
    } catch (error) {
      logger.warn('history could not be compacted yet', { revision, error });
    } finally {
      compacting = false;
    }
  };

  return () => {
    const { history, heldBack } = options.machine.keyspace;
    const full = history.size > 2 * historyEventsMax || history.weight > 2 * historyWeightMax;
    // While a snapshot is read the last compaction has not shortened anything yet.
    if (!full || heldBack || compacting || log.status().role !== 'leader') return;
    void compact(history.revisionToKeep(historyEventsMax, historyWeightMax));
  };
}
