/**
 * The replicated state machine: a pure function of the log. Equal entries in equal order give equal state, results and
 * events on every node, so nothing here may depend on time, chance, configuration or the node it runs on.
 */
import { unreachable } from '../../std/index.ts';
import type { Command, CommandBody } from './command.ts';
import { createKeyspace, type Keyspace } from './keyspace.ts';
import { createLeaseTable } from './lease-table.ts';
import type { LeaseInfo, TxnResult } from './model.ts';
import { createProposalWindow } from './proposal-window.ts';
import { branchOf, runTxn, type Writer } from './txn.ts';

/** Log entries for which a proposal is remembered. Changing it changes the machine: it needs a new command version. */
export const PROPOSAL_WINDOW_ENTRIES = 16_384;

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
  readonly keyspace: Pick<Keyspace, 'get' | 'range' | 'size' | 'history'>;
  leases(): readonly LeaseInfo[];
  readonly leaseCount: number;
  apply(entry: { readonly index: number; readonly term: number }, command: Command): Outcome;
  /** The whole state as text; equal states give equal texts. */
  serialize(): string;
}

export function createStateMachine(): StateMachine {
  return new Machine();
}

class Machine implements StateMachine {
  readonly keyspace = createKeyspace();
  revision = 1;
  compactRevision = 0;
  appliedIndex = 0;
  readonly #leases = createLeaseTable();
  readonly #proposals = createProposalWindow(PROPOSAL_WINDOW_ENTRIES);

  leases(): readonly LeaseInfo[] {
    return this.#leases.list();
  }

  get leaseCount(): number {
    return this.#leases.size;
  }

  apply(entry: { readonly index: number; readonly term: number }, command: Command): Outcome {
    this.appliedIndex = entry.index;
    const verdict = this.#proposals.admit(entry.index, command.proposal, command.base);
    if (verdict === 'duplicate') return { type: 'duplicate' };
    if (verdict === 'too-old') return { type: 'refused', reason: 'proposal-too-old' };
    return this.#run(entry, command.body);
  }

  serialize(): string {
    return JSON.stringify({
      revision: this.revision,
      compactRevision: this.compactRevision,
      appliedIndex: this.appliedIndex,
      keys: this.keyspace.dump(),
      leases: this.#leases.list(),
      proposals: this.#proposals.dump(),
    });
  }

  #run(entry: { readonly index: number; readonly term: number }, body: CommandBody): Outcome {
    switch (body.type) {
      case 'txn':
        return this.#txn(body);
      case 'grant':
        this.#leases.grant(entry.index, body.ttlMs);
        return { type: 'granted', id: entry.index, ttlMs: body.ttlMs };
      case 'revoke':
        if (!this.#leases.has(body.lease)) return { type: 'refused', reason: 'lease-not-found' };
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
    const { succeeded, operations } = branchOf(body, (key) => this.keyspace.get(key));
    for (const operation of operations) {
      const lease = operation.type === 'put' ? (operation.lease ?? 0) : 0;
      if (lease !== 0 && !this.#leases.has(lease)) {
        return { type: 'refused', reason: 'lease-not-found' };
      }
    }
    const { responses, changed } = runTxn(operations, this.keyspace, this.#writer);
    if (changed) this.revision += 1;
    return { type: 'txn', result: { succeeded, revision: this.revision, responses } };
  }

  #end(ids: readonly number[]): Outcome {
    const ended = [...new Set(ids)].filter((id) => this.#leases.has(id));
    let changed = false;
    for (const id of ended) {
      for (const key of this.#leases.keysOf(id)) {
        changed = this.#writer.remove(key) !== undefined || changed;
      }
      this.#leases.drop(id);
    }
    if (changed) this.revision += 1;
    return { type: 'revoked', leases: ended, revision: this.revision };
  }

  #compact(at: number): Outcome {
    if (at <= this.compactRevision) return { type: 'refused', reason: 'compacted' };
    if (at > this.revision) return { type: 'refused', reason: 'future-revision' };
    this.compactRevision = at;
    this.keyspace.compact(at);
    return { type: 'compacted', revision: at };
  }

  /** Writes of one entry: they share the next revision, and leases follow their keys. */
  readonly #writer: Writer = {
    put: (key, value, lease) => {
      const previous = this.keyspace.put(this.revision + 1, key, value, lease);
      this.#leases.move(key, previous?.lease ?? 0, lease);
      return previous;
    },
    remove: (key) => {
      const previous = this.keyspace.remove(this.revision + 1, key);
      this.#leases.move(key, previous?.lease ?? 0, 0);
      return previous;
    },
  };
}
