/**
 * The replicated state machine: a pure function of the log. Equal entries in equal order give equal state, results and
 * events on every node, so nothing here may depend on time, chance, configuration or the node it runs on.
 */
import { unreachable } from '../../std/index.ts';
import { mixNumber, mixText } from './checksum.ts';
import type { Command, CommandBody } from './command.ts';
import type { Keyspace } from './keyspace.ts';
import type { LeaseInfo, TxnResult } from './model.ts';
import { createRestore, snapshotOf } from './snapshot.ts';
import { emptyState, putKey, removeKey, type MachineState } from './state.ts';
import { branchOf, runTxn, type Writer } from './txn.ts';

export type Outcome =
  | { readonly type: 'txn'; readonly result: TxnResult }
  | { readonly type: 'granted'; readonly id: number; readonly ttlMs: number }
  | { readonly type: 'revoked'; readonly leases: readonly number[]; readonly revision: number }
  | { readonly type: 'compacted'; readonly revision: number }
  /** The proposal had been applied before; nothing happened this time. */
  | { readonly type: 'duplicate' }
  | { readonly type: 'refused'; readonly reason: Refusal };

export type Refusal =
  /** The proposal took longer than the window; it was not applied and never will be. */
  'proposal-too-old' | 'lease-not-found' | 'compacted' | 'future-revision';

export interface StateMachine {
  /** Starts at 1, as in etcd; +1 per entry that changes a key. */
  readonly revision: number;
  /** History up to and including this revision is gone. */
  readonly compactRevision: number;
  readonly appliedIndex: number;
  /** Another object after each restore: ask for it at each use. */
  readonly keyspace: Pick<Keyspace, 'get' | 'range' | 'size' | 'history' | 'heldBack'>;
  leases(): readonly LeaseInfo[];
  readonly leaseCount: number;
  apply(entry: { readonly index: number; readonly term: number }, command: Command): Outcome;
  /** True for a proposal that was applied within the window. */
  knows(proposal: string): boolean;
  /** Of the effects of all commands so far, as an unsigned 32-bit number. */
  checksum(): number;
  /** See {@link snapshotOf}. */
  snapshot(): IterableIterator<Uint8Array>;
  /** Reads a snapshot; the machine goes on as it is until `finish`, and is what the snapshot says afterwards. */
  beginRestore(): { add(chunk: Uint8Array): void; finish(): void };
  /** The whole state as text; equal states give equal texts. */
  serialize(): string;
}

export function createStateMachine(): StateMachine {
  return new Machine();
}

class Machine implements StateMachine {
  #state: MachineState = emptyState();

  get revision(): number {
    return this.#state.revision;
  }

  get compactRevision(): number {
    return this.#state.compactRevision;
  }

  get appliedIndex(): number {
    return this.#state.appliedIndex;
  }

  get keyspace(): Keyspace {
    return this.#state.keyspace;
  }

  get leaseCount(): number {
    return this.#state.leases.size;
  }

  leases(): readonly LeaseInfo[] {
    return this.#state.leases.list();
  }

  knows(proposal: string): boolean {
    return this.#state.proposals.has(proposal);
  }

  checksum(): number {
    return this.#state.chain >>> 0;
  }

  snapshot(): IterableIterator<Uint8Array> {
    return snapshotOf(this.#state);
  }

  beginRestore(): { add(chunk: Uint8Array): void; finish(): void } {
    const restore = createRestore();
    return {
      add: (chunk) => restore.add(chunk),
      finish: () => void (this.#state = restore.finish()),
    };
  }

  serialize(): string {
    const { keyspace, leases, proposals, ...counters } = this.#state;
    return JSON.stringify({
      ...counters,
      keys: keyspace.dump(),
      leases: leases.list(),
      proposals: proposals.dump(),
    });
  }

  apply(entry: { readonly index: number; readonly term: number }, command: Command): Outcome {
    const state = this.#state;
    state.appliedIndex = entry.index;
    const verdict = state.proposals.admit(entry.index, command.proposal, command.base);
    const outcome: Outcome =
      verdict === 'first'
        ? this.#run(entry, command.body)
        : verdict === 'duplicate'
          ? { type: 'duplicate' }
          : { type: 'refused', reason: 'proposal-too-old' };
    state.chain = mixOutcome(state.chain, entry.index, outcome);
    return outcome;
  }

  #run(entry: { readonly index: number; readonly term: number }, body: CommandBody): Outcome {
    const { leases } = this.#state;
    switch (body.type) {
      case 'txn':
        return this.#txn(body);
      case 'grant':
        leases.grant(entry.index, body.ttlMs);
        return { type: 'granted', id: entry.index, ttlMs: body.ttlMs };
      case 'revoke':
        if (!leases.has(body.lease)) return { type: 'refused', reason: 'lease-not-found' };
        return this.#end([body.lease]);
      case 'expire':
        return this.#end(body.term === entry.term ? body.leases : []);
      case 'compact':
        return this.#compact(body.revision);
      default:
        return unreachable(body);
    }
  }

  #txn(body: Extract<CommandBody, { type: 'txn' }>): Outcome {
    const state = this.#state;
    const { succeeded, operations } = branchOf(body, (key) => state.keyspace.get(key));
    for (const operation of operations) {
      const lease = operation.type === 'put' ? (operation.lease ?? 0) : 0;
      if (lease !== 0 && !state.leases.has(lease)) {
        return { type: 'refused', reason: 'lease-not-found' };
      }
    }
    const { responses, changed } = runTxn(operations, state.keyspace, this.#writer());
    if (changed) state.revision += 1;
    return { type: 'txn', result: { succeeded, revision: state.revision, responses } };
  }

  #end(ids: readonly number[]): Outcome {
    const state = this.#state;
    const writer = this.#writer();
    const ended = [...new Set(ids)].filter((id) => state.leases.has(id));
    let changed = false;
    for (const id of ended) {
      for (const key of state.leases.keysOf(id)) {
        changed = writer.remove(key) !== undefined || changed;
      }
      state.leases.drop(id);
    }
    if (changed) state.revision += 1;
    return { type: 'revoked', leases: ended, revision: state.revision };
  }

  #compact(at: number): Outcome {
    const state = this.#state;
    if (at <= state.compactRevision) return { type: 'refused', reason: 'compacted' };
    if (at > state.revision) return { type: 'refused', reason: 'future-revision' };
    state.compactRevision = at;
    state.keyspace.compact(at);
    return { type: 'compacted', revision: at };
  }

  /** Writes of one entry: they share the next revision. */
  #writer(): Writer {
    const state = this.#state;
    const revision = state.revision + 1;
    return {
      put: (key, value, lease) => putKey(state, revision, { key, value, lease }),
      remove: (key) => removeKey(state, revision, key),
    };
  }
}

/** What an entry did besides its writes, which were folded in as they happened. */
function mixOutcome(chain: number, index: number, outcome: Outcome): number {
  const mixed = mixText(mixNumber(chain, index), outcome.type);
  switch (outcome.type) {
    case 'txn':
      return mixNumber(mixNumber(mixed, outcome.result.revision), Number(outcome.result.succeeded));
    case 'granted':
      return mixNumber(mixed, outcome.ttlMs);
    case 'revoked':
      return outcome.leases.reduce(mixNumber, mixNumber(mixed, outcome.revision));
    case 'compacted':
      return mixNumber(mixed, outcome.revision);
    case 'refused':
      return mixText(mixed, outcome.reason);
    case 'duplicate':
      return mixed;
    default:
      return unreachable(outcome);
  }
}
