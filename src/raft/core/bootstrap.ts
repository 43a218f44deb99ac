/** What a member begins with when its disk is empty. */
import { configurationOf } from './config-codec.ts';
import type { StoredState } from './types.ts';

/**
 * The beginning of a new cluster, the same on each of its founding voters: a snapshot at index 1 of an empty state. So
 * whoever joins later, with an empty log, is sent a snapshot and learns from it who takes part.
 */
export function bootstrapState(voters: readonly string[]): StoredState {
  return {
    hardState: { term: 1, vote: undefined, commit: 1 },
    snapshot: { index: 1, term: 1, configuration: configurationOf(voters) },
    entries: [],
  };
}

/** The beginning of a member that joins a cluster: it knows nobody, cannot campaign, and waits to be found. */
export function emptyState(): StoredState {
  return {
    hardState: { term: 0, vote: undefined, commit: 0 },
    snapshot: { index: 0, term: 0, configuration: configurationOf([]) },
    entries: [],
  };
}
