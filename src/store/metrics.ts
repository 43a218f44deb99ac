/** What the store tells about itself. */
import type { Metrics } from '../telemetry/index.ts';
import type { Outcome, StateMachine } from './core/machine.ts';

export interface StoreMetrics {
  /** The state is another one; `outcome` of the entry that made it so, if one entry did. */
  changed(outcome?: Outcome): void;
  watchers(count: number): void;
}

export function createStoreMetrics(metrics: Metrics, machine: StateMachine): StoreMetrics {
  const revision = metrics.gauge('store_revision', 'Revision this node has applied.');
  const keys = metrics.gauge('store_keys', 'Keys that exist.');
  const leases = metrics.gauge('store_leases', 'Leases that exist.');
  const watchers = metrics.gauge('store_watchers', 'Watches in this process.');
  const history = metrics.gauge('store_history_events', 'Events kept for watchers.');
  const txns = metrics.counter('store_txn_total', 'Applied transactions.', ['result']);
  return {
    changed(outcome) {
      revision.set(machine.revision);
      keys.set(machine.keyspace.size);
      leases.set(machine.leaseCount);
      history.set(machine.keyspace.history.size);
      if (outcome?.type === 'txn') {
        txns.inc({ result: outcome.result.succeeded ? 'success' : 'failure' });
      } else if (outcome?.type === 'refused' || outcome?.type === 'duplicate') {
        txns.inc({ result: outcome.type });
      }
    },
    watchers: (count) => watchers.set(count),
  };
}
