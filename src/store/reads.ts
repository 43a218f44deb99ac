/** Reads: at once from what this node has applied, or linearizable behind a read barrier of the log. */
import type { StateMachine } from './core/machine.ts';
import { StoreError } from './errors.ts';
import type { ReplicatedLog } from './ports.ts';
import { checkRange } from './request-rules.ts';
import { withRetries, type RetryOptions } from './retry.ts';
import type { LocalReads, Store } from './types.ts';

export function createLocalReads(machine: StateMachine): LocalReads {
  return {
    get: (key) => machine.keyspace.get(key),
    range(selector, options = {}) {
      checkRange(selector, options.limit);
      const { revision, compactRevision } = machine;
      const at = options.revision ?? Infinity;
      if (at < compactRevision) throw new StoreError('compacted', `revision ${at}`);
      if (options.revision !== undefined && at > revision) {
        throw new StoreError('future-revision', `revision ${at} of ${revision}`);
      }
      return { ...machine.keyspace.range(selector, at, options.limit ?? Infinity), revision };
    },
    leases: () => machine.leases(),
  };
}

/** Reads that see everything that was written anywhere before they began. */
export function createReads(
  log: Pick<ReplicatedLog, 'readBarrier'>,
  local: LocalReads,
  retries: Omit<RetryOptions, 'harmless'>,
): Pick<Store, 'get' | 'range' | 'ready'> {
  const barrier = (signal?: AbortSignal, timeoutMs = retries.timeoutMs): Promise<void> =>
    withRetries(
      { ...retries, timeoutMs, harmless: true },
      (attempt) => log.readBarrier(attempt),
      signal,
    );
  return {
    async get(key, signal) {
      checkRange({ key }, undefined);
      await barrier(signal);
      return local.get(key);
    },
    async range(selector, options, signal) {
      checkRange(selector, options?.limit);
      await barrier(signal);
      return local.range(selector, options);
    },
    ready: (signal) => barrier(signal, Infinity),
  };
}
