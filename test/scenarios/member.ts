/** One member of a scenario: a core, what is on its disk, and the writes and entries that wait for their turn. */
import {
  createRaftCore,
  type CoreConfig,
  type Entry,
  type HardState,
  type RaftCore,
  type Ready,
  type SnapshotMeta,
  type StoredState,
} from '../../src/raft/core/index.ts';
import type { Random } from '../../src/std/index.ts';

/** How a member is set up; the rest is the same for all. */
export interface MemberOptions {
  readonly asyncWrites: boolean;
  /** The ticks after which it campaigns, always. */
  readonly electionTicks: number;
  readonly core: Partial<CoreConfig>;
}

/** Time-outs are drawn from as many ticks as in the traces; heartbeats are due with each. */
export const ELECTION_TICKS = { min: 3, max: 5 };

export class Member {
  readonly id: string;
  readonly options: MemberOptions;
  core: RaftCore;
  hardState: HardState;
  /** Where the log on the disk begins. */
  snapshot: SnapshotMeta;
  entries: readonly Entry[];
  /** The newest snapshot that could be sent: the applied state is one at any time. */
  applied: SnapshotMeta;
  readonly writes: Ready[] = [];
  readonly applies: (readonly Entry[])[] = [];

  constructor(id: string, options: MemberOptions, stored: StoredState) {
    this.id = id;
    this.options = options;
    this.hardState = stored.hardState;
    this.snapshot = stored.snapshot;
    this.entries = stored.entries;
    this.applied = stored.snapshot;
    this.core = this.#start();
  }

  get lastIndex(): number {
    return this.entries.at(-1)?.index ?? this.snapshot.index;
  }

  /** The process dies, and starts again with what was on the disk. */
  restart(): void {
    this.writes.length = 0;
    this.applies.length = 0;
    this.applied = this.snapshot;
    this.core = this.#start();
  }

  /** What `ready` asks to be written is on the disk now. */
  write({ snapshot, entries, hardState }: Ready): void {
    if (snapshot !== undefined) {
      this.snapshot = snapshot;
      this.entries = [];
      this.applied = snapshot;
    }
    const first = entries[0]?.index;
    if (first !== undefined) {
      this.entries = [...this.entries.filter(({ index }) => index < first), ...entries];
    }
    if (hardState !== undefined) this.hardState = hardState;
  }

  /** `entries` are in the state machine: their configurations are in force, and a snapshot could be made. */
  finishApply(entries: readonly Entry[]): void {
    const last = entries.at(-1);
    if (last === undefined) return;
    this.core.applied(last.index);
    const { configuration } = this.core.status();
    this.applied = { index: last.index, term: last.term, configuration };
    this.core.compact(this.applied, this.snapshot.index);
  }

  /** Forgets the log up to `through`, which is applied. */
  compact(through: number): void {
    const { configuration } = this.applied;
    const term = this.entries.find(({ index }) => index === through)?.term ?? this.snapshot.term;
    this.snapshot = { index: through, term, configuration };
    this.entries = this.entries.filter(({ index }) => index > through);
    this.core.compact(this.applied, through);
  }

  #start(): RaftCore {
    const { hardState, snapshot, entries } = this;
    return createRaftCore(coreConfig(this.id, this.options), { hardState, snapshot, entries });
  }
}

/** No limits, but those that a scenario sets. */
function coreConfig(id: string, { core, electionTicks }: MemberOptions): CoreConfig {
  const none = Number.MAX_SAFE_INTEGER;
  return {
    id,
    groupId: 'scenario',
    electionTicks: ELECTION_TICKS,
    retryTicks: ELECTION_TICKS,
    heartbeatTicks: 1,
    quorumCheckTicks: ELECTION_TICKS.min,
    random: alwaysDraws(electionTicks),
    preVote: false,
    checkQuorum: false,
    leaseReads: false,
    forwardProposals: true,
    stepDownOnRemoval: false,
    gatherFirstAppend: false,
    appendBytesMax: none,
    applyBytesMax: none,
    inflightMessagesMax: none,
    inflightBytesMax: none,
    uncommittedBytesMax: none,
    pendingReadsMax: none,
    promotionLagMax: Infinity,
    ...core,
  };
}

/** Chance that always falls on `ticks`. */
function alwaysDraws(ticks: number): Random {
  const { min, max } = ELECTION_TICKS;
  const value = (ticks - min + 0.5) / (max - min + 1);
  return { next: () => value, bytes: (length) => new Uint8Array(length) };
}
