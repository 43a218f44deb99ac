/**
 * An agreed log without a network: one shared list of entries, any number of nodes that apply it, and switches for what a
 * real log can do to its users (refuse, lose the answer, lag, change its leader). It satisfies the store's `ReplicatedLog`.
 */
import type { LogEntry, LogMachine, LogStatus, ReplicatedLog } from '../../src/store/index.ts';

/** What happens to a proposal or a read barrier instead of success. */
export type Fault =
  /** Rejected with outcome `not-applied`. */
  | 'refuse'
  /** Applied, but the answer is lost: rejected with outcome `unknown`. */
  | 'lose-answer'
  /** Not applied, and nobody knows: rejected with outcome `unknown`. */
  | 'lose-proposal';

export class MemoryLogError extends Error {
  readonly code = 'no-leader';
  readonly outcome: 'not-applied' | 'unknown';
  constructor(outcome: 'not-applied' | 'unknown') {
    super(`the test makes this call fail: ${outcome}`);
    this.outcome = outcome;
  }
}

export interface MemoryNode extends ReplicatedLog {
  /** While held, the node applies nothing; releasing it catches up. */
  hold(held: boolean): void;
  /** The machine's state now, as the log would keep it; reading it is up to the caller. */
  snapshot(): { readonly index: number; readonly chunks: Iterable<Uint8Array> };
  /** Skips entries, as a member does that is sent a snapshot instead of them. */
  install(index: number, chunks: Iterable<Uint8Array>): void;
}

export interface MemoryCluster {
  readonly entries: readonly LogEntry[];
  node(id: string): MemoryNode;
  /** Makes `id` (undefined = nobody) the leader of a new term. */
  elect(id: string | undefined): void;
  /** The faults of the next proposals, in order; then all is well again. */
  plan(...faults: readonly Fault[]): void;
  /** Faults of the next read barriers; each is refused. */
  refuseBarriers(count: number): void;
  /** Appends raw bytes, as another version of the program would. */
  append(command: Uint8Array): void;
}

/** A cluster whose first node leads in term 1. */
export function createMemoryCluster(ids: readonly string[]): MemoryCluster {
  const entries: LogEntry[] = [];
  const faults: Fault[] = [];
  const nodes = new Map<string, MemoryNode & { catchUp(): void; tell(): void }>();
  let leader: string | undefined = ids[0];
  let term = 1;
  let refusedBarriers = 0;

  const append = (command: Uint8Array): LogEntry => {
    const entry = { index: entries.length + 1, term, command };
    entries.push(entry);
    for (const node of nodes.values()) node.catchUp();
    return entry;
  };

  const createNode = (nodeId: string): MemoryNode & { catchUp(): void; tell(): void } => {
    let machine: LogMachine | undefined;
    const listeners = new Set<(status: LogStatus) => void>();
    const waiting = new Set<{ index: number; resolve: () => void }>();
    let applied = 0;
    let held = false;
    const status = (): LogStatus => ({
      nodeId,
      role: leader === nodeId ? 'leader' : 'follower',
      leaderId: leader,
      term,
      appliedIndex: applied,
    });
    const catchUp = (): void => {
      if (held) return;
      while (applied < entries.length) {
        const entry = entries[applied] as LogEntry;
        applied += 1;
        machine?.apply(entry);
      }
      for (const waiter of waiting) {
        if (waiter.index <= applied && waiting.delete(waiter)) waiter.resolve();
      }
    };
    const reach = (index: number, signal?: AbortSignal): Promise<void> =>
      new Promise((resolve, reject) => {
        const waiter = { index, resolve };
        waiting.add(waiter);
        signal?.addEventListener('abort', () => {
          if (waiting.delete(waiter)) reject(new MemoryLogError('unknown'));
        });
        catchUp();
      });
    return {
      async propose(command, signal) {
        await Promise.resolve();
        const fault = faults.shift();
        if (leader === undefined || fault === 'refuse') throw new MemoryLogError('not-applied');
        if (fault === 'lose-proposal') throw new MemoryLogError('unknown');
        const { index, term } = append(command);
        if (fault === 'lose-answer') throw new MemoryLogError('unknown');
        await reach(index, signal);
        return { index, term };
      },
      async readBarrier(signal) {
        await Promise.resolve();
        if (leader === undefined) throw new MemoryLogError('not-applied');
        if (refusedBarriers > 0) {
          refusedBarriers -= 1;
          throw new MemoryLogError('not-applied');
        }
        await reach(entries.length, signal);
      },
      use: (used) => void (machine = used),
      status,
      onStatus(listener) {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
      hold(value) {
        held = value;
        catchUp();
      },
      snapshot: () => ({ index: applied, chunks: machine?.snapshot() ?? [] }),
      install(index, chunks) {
        const restore = machine?.beginRestore();
        for (const chunk of chunks) restore?.add(chunk);
        restore?.finish();
        applied = index;
        catchUp();
      },
      catchUp,
      tell: () => listeners.forEach((listener) => listener(status())),
    };
  };

  for (const id of ids) nodes.set(id, createNode(id));
  return {
    entries,
    node(id) {
      const node = nodes.get(id);
      if (node === undefined) throw new Error(`no node ${id}`);
      return node;
    },
    elect(id) {
      leader = id;
      term += 1;
      for (const node of nodes.values()) node.tell();
    },
    plan: (...planned) => void faults.push(...planned),
    refuseBarriers(count) {
      refusedBarriers = count;
    },
    append: (command) => void append(command),
  };
}

/** One node that leads: enough for whoever only needs a working store. */
export function createMemoryLog(): ReplicatedLog {
  return createMemoryCluster(['node-0']).node('node-0');
}
