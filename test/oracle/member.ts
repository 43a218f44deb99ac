/** One member on our side: a core, its disk, and the work of its disk and its state machine that is still to be done. */
import { required } from '../../src/std/index.ts';
import { bootstrapState, emptyState } from '../../src/raft/core/index.ts';
import type {
  CoreConfig,
  Entry,
  HardState,
  Message,
  RaftCore,
  ReadState,
  Ready,
  SnapshotMeta,
  StoredState,
} from '../../src/raft/core/index.ts';
import { describeMember } from './describe.ts';
import type { Setup } from './events.ts';

/** Makes a core; the tests also give one that is broken on purpose. */
export type CoreFactory = (config: CoreConfig, stored: StoredState) => RaftCore;

interface Disk {
  hardState: HardState;
  snapshot: SnapshotMeta;
  /** Where the log begins: not always after the snapshot, since some entries are kept for those who lag. */
  first: number;
  entries: Entry[];
}

export class Member {
  readonly id: number;
  /** Undefined while the process is down. */
  core: RaftCore | undefined;
  writes: Ready[] = [];
  applies: (readonly Entry[])[] = [];
  reads: ReadState[] = [];
  readonly #setup: Setup;
  readonly #createCore: CoreFactory;
  readonly #send: (message: Message) => void;
  #disk: Disk;
  /** The log as the core handed it out. */
  #log: Entry[] = [];
  #base: { index: number; term: number } = { index: 0, term: 0 };

  constructor(id: number, setup: Setup, createCore: CoreFactory, send: (message: Message) => void) {
    this.id = id;
    this.#setup = setup;
    this.#createCore = createCore;
    this.#send = send;
    const founds = setup.voters.includes(id);
    const stored = founds ? bootstrapState(setup.voters.map(String)) : emptyState();
    this.#disk = { ...stored, first: stored.snapshot.index + 1, entries: [...stored.entries] };
    this.restart();
  }

  /** Begins from what the disk holds: the state is the snapshot's, and entries before it are gone. */
  restart(): void {
    const { hardState, snapshot, entries } = this.#disk;
    const kept = entries.filter((entry) => entry.index > snapshot.index);
    const commit = Math.max(hardState.commit, snapshot.index);
    this.#disk = {
      snapshot,
      hardState: { ...hardState, commit },
      entries: kept,
      first: snapshot.index + 1,
    };
    this.writes = [];
    this.applies = [];
    this.reads = [];
    this.#log = [...kept];
    this.#base = { index: snapshot.index, term: snapshot.term };
    this.core = this.#createCore(configOf(this.id, this.#setup), {
      hardState: this.#disk.hardState,
      snapshot,
      entries: [...kept],
    });
  }

  /** The process dies after `count` of the waiting writes reached the disk. */
  crash(count: number): void {
    for (let i = 0; i < count; i++) this.#write();
    this.core = undefined;
  }

  /** Takes what the core has to do, sends what may leave at once and queues the rest. */
  pump(): void {
    const core = coreOf(this);
    for (;;) {
      while (core.hasReady() || core.hasCommitted()) {
        if (core.hasReady()) this.#take(core.ready());
        if (core.hasCommitted()) this.applies.push(core.takeCommitted());
      }
      if (this.#setup.sync && this.writes.length > 0) this.persist();
      else if (this.#setup.sync && this.applies.length > 0) this.apply();
      else return;
    }
  }

  #take(ready: Ready): void {
    this.reads.push(...ready.readStates);
    if (ready.snapshot !== undefined) {
      this.#base = { index: ready.snapshot.index, term: ready.snapshot.term };
      this.#log = [];
      // What was to be applied is in the snapshot, and its configuration holds already.
      this.applies = [];
    }
    place(this.#log, this.#base.index + 1, ready.entries);
    for (const message of ready.messages) this.#send(message);
    const { entries, hardState, snapshot, messagesAfterSync } = ready;
    const writes = entries.length > 0 || hardState !== undefined || snapshot !== undefined;
    if (writes || messagesAfterSync.length > 0) this.writes.push(ready);
  }

  /** The first waiting write becomes durable. */
  #write(): Ready {
    const ready = this.writes.shift() as Ready;
    const disk = this.#disk;
    if (ready.hardState !== undefined) disk.hardState = ready.hardState;
    if (ready.snapshot !== undefined) {
      disk.snapshot = ready.snapshot;
      disk.first = ready.snapshot.index + 1;
      disk.entries = [];
    }
    place(disk.entries, disk.first, ready.entries);
    return ready;
  }

  persist(): void {
    const core = coreOf(this);
    const { mark, messagesAfterSync } = this.#write();
    if (mark !== undefined) core.persisted(mark);
    for (const message of messagesAfterSync) {
      if (message.to === String(this.id)) core.step(message);
      else this.#send(message);
    }
  }

  apply(): void {
    const last = this.applies.shift()?.at(-1) as Entry;
    coreOf(this).applied(last.index);
  }

  compact(index: number, through: number): void {
    const core = coreOf(this);
    const { configuration } = core.status();
    const meta = { index, term: this.termAt(index) as number, configuration };
    this.#disk.snapshot = meta;
    const base = Math.max(this.#base.index, through);
    this.#base = { index: base, term: this.termAt(base) as number };
    this.#log = this.#log.filter((entry) => entry.index > base);
    this.#disk.first = Math.max(this.#disk.first, through + 1);
    this.#disk.entries = this.#disk.entries.filter((entry) => entry.index > through);
    core.compact(meta, through);
  }

  get snapshotIndex(): number {
    return this.#disk.snapshot.index;
  }

  termAt(index: number): number | undefined {
    if (index === this.#base.index) return this.#base.term;
    return this.#log[index - this.#base.index - 1]?.term;
  }

  describe(): string {
    if (this.core === undefined) return `${this.id} down`;
    const work = { writes: this.writes.length, applies: this.applies.length };
    return describeMember(this.id, this.core, this.#log, work);
  }
}

/** Puts entries where they belong in a log that begins at `first`, in place of what stood there and after it. */
function place(log: Entry[], first: number, entries: readonly Entry[]): void {
  for (const entry of entries) {
    if (entry.index < first) continue;
    log.length = Math.min(log.length, entry.index - first);
    if (log.length !== entry.index - first) throw new Error(`a hole before ${entry.index}`);
    log.push(entry);
  }
}

/** Where etcd has no such limit, there is none; its sizes count encoded entries, so the only limit in bytes is one entry. */
function configOf(id: number, setup: Setup): CoreConfig {
  const { electionTicks: min } = setup;
  const max = 2 * min - 1;
  const draw = ((setup.timeouts[id] as number) - min + 0.5) / (max - min + 1);
  return {
    id: String(id),
    groupId: 'oracle',
    electionTicks: { min, max },
    retryTicks: { min, max },
    heartbeatTicks: setup.heartbeatTicks,
    quorumCheckTicks: min,
    random: { next: () => draw, bytes: (length) => new Uint8Array(length) },
    preVote: setup.preVote,
    checkQuorum: setup.checkQuorum,
    leaseReads: false,
    forwardProposals: false,
    stepDownOnRemoval: true,
    gatherFirstAppend: false,
    // An empty entry counts nothing, and must not travel with another.
    appendBytesMax: setup.oneEntry ? -1 : Infinity,
    applyBytesMax: Infinity,
    inflightMessagesMax: setup.inflightMessages,
    inflightBytesMax: setup.inflightBytes === 0 ? Infinity : setup.inflightBytes,
    uncommittedBytesMax: setup.uncommittedBytes === 0 ? Infinity : setup.uncommittedBytes,
    pendingReadsMax: Infinity,
    promotionLagMax: Infinity,
  };
}

/** The core of a member that is up. */
export function coreOf(member: Member): RaftCore {
  return required(member.core, `core of member ${member.id}`);
}
