/** What the store tells about itself. */
import type { Metrics } from '../telemetry/index.ts';
import type { Outcome, StateMachine } from './core/machine.ts';

export interface StoreMetrics {
  /** An entry was applied. */
  applied(outcome: Outcome): void;
  watchers(count: number): void;
  stop(): void;
}

/** Thousands of entries are applied between two readers of the metrics: they are counted here, and told when somebody asks. */
export function createStoreMetrics(metrics: Metrics, machine: StateMachine): StoreMetrics {
  const revision = metrics.gauge('store_revision', 'Revision this node has applied.');
  const keys = metrics.gauge('store_keys', 'Keys that exist.');
  const leases = metrics.gauge('store_leases', 'Leases that exist.');
  const watchers = metrics.gauge('store_watchers', 'Watches in this process.');
  const history = metrics.gauge('store_history_events', 'Events kept for watchers.');
  const txns = metrics.counter('store_txn_total', 'Applied transactions.', ['result']);
  const counts = { success: 0, failure: 0, refused: 0, duplicate: 0 };
  const stop = metrics.onExposition(() => {
    revision.set(machine.revision);
    keys.set(machine.keyspace.size);
    leases.set(machine.leaseCount);
    history.set(machine.keyspace.history.size);
    for (const result of ['success', 'failure', 'refused', 'duplicate'] as const) {
      if (counts[result] > 0) txns.inc({ result }, counts[result]);
      counts[result] = 0;
    }
  });
  return {
    applied(outcome) {
      if (outcome.type === 'txn') counts[outcome.result.succeeded ? 'success' : 'failure'] += 1;
      else if (outcome.type === 'refused' || outcome.type === 'duplicate')
        counts[outcome.type] += 1;
    },
    watchers: (count) => watchers.set(count),
    stop,
  };
}
