/** Everything the machine remembers, and the two writes that all of its changes of keys are made of. */
import { mixNumber, mixText } from './checksum.ts';
import { createKeyspace, type Keyspace } from './keyspace.ts';
import { createLeaseTable, type LeaseTable } from './lease-table.ts';
import type { KeyValue } from './model.ts';
import { createProposalWindow, type ProposalWindow } from './proposal-window.ts';

/** Log entries for which a proposal is remembered. Changing it changes the machine: it needs a new command version. */
export const PROPOSAL_WINDOW_ENTRIES = 16_384;

export interface MachineState {
  readonly keyspace: Keyspace;
  readonly leases: LeaseTable;
  readonly proposals: ProposalWindow;
  revision: number;
  compactRevision: number;
  appliedIndex: number;
  /** Chain over the effects of every applied command; see `checksum.ts`. */
  chain: number;
}

export function emptyState(): MachineState {
  return {
    keyspace: createKeyspace(),
    leases: createLeaseTable(),
    proposals: createProposalWindow(PROPOSAL_WINDOW_ENTRIES),
    revision: 1,
    compactRevision: 0,
    appliedIndex: 0,
    chain: 0,
  };
}

/** Writes a key at `revision`; its lease follows. Returns what was there before. */
export function putKey(
  state: MachineState,
  revision: number,
  item: Pick<KeyValue, 'key' | 'value' | 'lease'>,
): KeyValue | undefined {
  const { key, value, lease } = item;
  const previous = state.keyspace.put(revision, key, value, lease);
  state.leases.move(key, previous?.lease ?? 0, lease);
  state.chain = mixNumber(mixText(mixText(state.chain, key), value), lease);
  mixPrevious(state, previous);
  return previous;
}

/** Deletes a key at `revision`; undefined when there is none. */
export function removeKey(
  state: MachineState,
  revision: number,
  key: string,
): KeyValue | undefined {
  const previous = state.keyspace.remove(revision, key);
  state.leases.move(key, previous?.lease ?? 0, 0);
  state.chain = mixText(state.chain, key);
  mixPrevious(state, previous);
  return previous;
}

/** What a write replaced is part of its effect: a state that differed before shows as soon as it is touched. */
function mixPrevious(state: MachineState, previous: KeyValue | undefined): void {
  state.chain = mixNumber(state.chain, previous?.modRevision ?? 0);
  state.chain = mixNumber(state.chain, previous?.version ?? 0);
}
