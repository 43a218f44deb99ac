/** A member in simulation: the real core and proposals, driven as its contract asks, and killed between any two steps. */
import {
  createRaftCore,
  type CoreStatus,
  type Entry,
  type HardState,
  type Message,
  type RaftCore,
  type Ready,
} from '../../src/raft/core/index.ts';
import { StallRule } from '../../src/raft/disk-watch.ts';
import { Proposals } from '../../src/raft/proposals.ts';
import type { Random } from '../../src/std/index.ts';
import type { Observed } from './checker.ts';
import type { Disk, SnapshotFile } from './disk.ts';
import { LogMirror } from './log-mirror.ts';
import { Machine } from './machine.ts';
import {
  commandOf,
  giveProposals,
  recordsOf,
  serialOf,
  snapshotOf,
  takeOver,
  type MemberPorts,
} from './member-ports.ts';
import { MemberReads } from './member-reads.ts';
import { TICK_MS } from './settings.ts';

/** Ends what a process does at this very point. */
const CRASH = Symbol('crash');
/** Checksums are compared at each index that this divides. */
const CHECK_EVERY = 8;
/** Ticks made up for after the process was held up, as the driver does. */
const TICKS_AT_ONCE_MAX = 2;

export class SimMember implements Observed {
  readonly id: string;
  readonly disk: Disk;
  readonly #ports: MemberPorts;
  log = new LogMirror();
  /** How fast its clock runs. */
  rate = 1;
  pausedUntil = 0;
  /** A member that lost its disk never comes back. */
  lost = false;
  life = 0;
  /** Steps of the driver until the process dies. */
  fuse = Infinity;
  core: RaftCore | undefined;
  machine: Machine;
  #random: Random | undefined;
  #proposals: Proposals | undefined;
  #installing = 0;
  #busy = false;
  #turnDue = false;
  #applyDue = false;
  #lastTickAt = 0;
  #compacting = false;
  #reads: MemberReads | undefined;
  #ledTerm = 0;
  #stallRule: StallRule | undefined;
  #unwritten: HardState | undefined;

  constructor(id: string, disk: Disk, ports: MemberPorts) {
    this.id = id;
    this.disk = disk;
    this.#ports = ports;
    this.machine = new Machine(disk.snapshot.state);
  }

  get up(): boolean {
    return this.core !== undefined;
  }
  get installing(): boolean {
    return this.#installing > 0;
  }
  get waiting(): number {
    return this.#proposals?.waiting ?? 0;
  }
  get status(): CoreStatus | undefined {
    return this.core?.status();
  }
  get isLeader(): boolean {
    return this.status?.role === 'leader';
  }

  start(): void {
    const { settings, checker, oracle, random, now, trace } = this.#ports;
    const stored = this.disk.load();
    this.life += 1;
    this.#random = random(this.id, this.life);
    this.log = new LogMirror();
    this.log.reset(stored.snapshot.index, stored.snapshot.term, stored.entries);
    this.machine = new Machine(this.disk.snapshot.state);
    this.#installing = 0;
    this.#turnDue = false;
    this.#applyDue = false;
    this.#compacting = false;
    this.#ledTerm = 0;
    this.#stallRule = new StallRule(this.id, settings.core.electionTicks.max * TICK_MS);
    this.#unwritten = undefined;
    this.#lastTickAt = now();
    this.#proposals = new Proposals(this.#random.bytes(8), {
      countMax: 1_000,
      bytesMax: 2 ** 20,
      timeoutMs: Infinity,
    });
    const { core } = settings;
    this.#reads = new MemberReads(`${this.id}/${this.life}`, { core, oracle, now });
    this.core = createRaftCore(
      { ...core, id: this.id, groupId: 'g', random: this.#random },
      stored,
    );
    trace.event('start', this.id, stored.hardState.term, this.log.last);
    checker.started(this, this.core.status());
    this.#ports.tracer?.started(this);
    this.#tickLater();
    this.run(() => undefined);
    this.#ports.started(this);
  }

  /** The process dies; what it did not flush may be gone. */
  crash(): void {
    if (this.core === undefined) return;
    this.disk.crash(this.#random as Random);
    this.core = undefined;
    this.#proposals = undefined;
    this.life += 1;
    this.fuse = Infinity;
    this.#ports.trace.event('crash', this.id, this.disk.log.last);
    this.#ports.crashed(this);
  }

  /** Everything that happens to a member comes through here: the process may die in the middle of it. */
  run(action: (core: RaftCore) => void): void {
    const { core } = this;
    if (core === undefined) return;
    if (this.#busy) return action(core);
    this.#guard(() => {
      action(core);
      this.#look(core);
      if (this.#ports.settings.turnMs === 0) this.#turn(core);
      else this.#turnLater();
    });
  }

  #guard(action: () => void): void {
    this.#busy = true;
    try {
      action();
    } catch (error) {
      if (error !== CRASH) throw error;
      this.crash();
    } finally {
      this.#busy = false;
    }
  }

  receive(message: Message): void {
    this.run((core) => this.#step(core, message));
  }

  #step(core: RaftCore, message: Message): void {
    const { tracer } = this.#ports;
    if (tracer?.receives(this, message) === false) return;
    core.step(message);
    tracer?.stepped(message);
    tracer?.changed(this);
  }

  propose(serial: number): void {
    this.run(() => {
      // Nobody waits for the promise: acknowledgements are seen where entries are applied.
      void this.#proposals?.add(commandOf(serial), 0).catch(() => undefined);
    });
  }

  /** Callers stop to wait: a forwarded proposal that the network lost is never decided otherwise. */
  giveUp(): void {
    this.#proposals?.failAll();
  }

  read(key: number): void {
    this.run((core) => this.#reads?.ask(core, this, key));
  }

  /** The connection to a member broke. */
  unreachable(peer: string): void {
    this.run((core) => takeOver(this, core, peer, this.#random as Random, this.#ports));
  }

  /** Takes a snapshot of the state as it is; once it is durable, the log is cut behind it. */
  snapshot(writeMs: number): void {
    const { core } = this;
    if (core === undefined || this.installing || this.#compacting) return;
    const file = snapshotOf(core, this);
    if (file === undefined) return;
    const { index } = file.meta;
    this.#compacting = true;
    this.#ports.later(this, writeMs, () =>
      this.run(() => {
        this.#compacting = false;
        if (this.installing || index <= this.disk.snapshot.meta.index) return;
        const through = Math.max(this.log.base, index - this.#ports.settings.keepEntries);
        // The file is there under its name; the process may die before anything else knows of it.
        this.disk.keep(file);
        this.#point();
        this.disk.compact(through);
        this.log.compact(through);
        core.compact(file.meta, through);
        this.#ports.trace.event('compact', this.id, index, through);
      }),
    );
  }

  /** Between any two steps of the driver. */
  #point(): void {
    // The specification persists and sends in one step.
    if (this.#ports.settings.traced) return;
    this.fuse -= 1;
    if (this.fuse <= 0) throw CRASH;
  }

  #tickLater(): void {
    this.#ports.later(this, TICK_MS / this.rate, () => {
      const now = this.#ports.now();
      const due = Math.floor(((now - this.#lastTickAt) * this.rate) / TICK_MS + 0.01);
      this.#lastTickAt = now;
      this.run((core) => {
        for (let i = 0; i < Math.min(due, TICKS_AT_ONCE_MAX); i++) core.tick();
        this.#stepAsideWhenStalled(core);
      });
      this.#tickLater();
    });
  }

  /** Who has a disk that does not answer makes way for one whose disk does. */
  #stepAsideWhenStalled(core: RaftCore): void {
    const news = this.#stallRule?.check(core, this.#ports.now(), this.disk.oldestWriteAgeMs);
    if (news !== undefined) this.#ports.trace.event(news, this.id);
  }

  #turnLater(): void {
    if (this.#turnDue) return;
    this.#turnDue = true;
    const delayMs = (this.#random as Random).next() * this.#ports.settings.turnMs;
    this.#ports.later(this, delayMs, () => {
      this.#turnDue = false;
      const { core } = this;
      if (core !== undefined) this.#guard(() => this.#turn(core));
    });
  }

  #look(core: RaftCore): CoreStatus {
    const status = core.status();
    this.#ports.checker.stepped(this, status);
    this.#reads?.look(core, status);
    return status;
  }

  #turn(core: RaftCore): void {
    giveProposals(core, this.#proposals as Proposals, this.#ports.settings);
    for (;;) {
      this.#ports.tracer?.changed(this);
      if (core.hasReady()) this.#handle(core, core.ready());
      else if (!this.#apply(core)) break;
      this.#look(core);
      giveProposals(core, this.#proposals as Proposals, this.#ports.settings);
    }
  }

  #handle(core: RaftCore, ready: Ready): void {
    const { checker, trace, send, tracer } = this.#ports;
    const { snapshot, entries, messages, softState } = ready;
    if (snapshot !== undefined) {
      checker.installs(this, snapshot.index, snapshot.term);
      this.#installing += 1;
      this.log.reset(snapshot.index, snapshot.term);
    }
    for (const entry of entries) {
      checker.wrote(this, entry);
      this.log.append(entry);
    }
    const status = this.#look(core);
    if (softState !== undefined) {
      trace.event(softState.role, this.id, status.term, 0, () => {
        return `term ${status.term} leader ${softState.leaderId ?? '-'}`;
      });
    }
    if (status.role === 'leader' && this.#ledTerm < status.term) {
      this.#ledTerm = status.term;
      checker.leaderLog(this, status.term);
      this.#ports.elected(this);
    }
    tracer?.ready(this, ready);
    this.#reads?.leaving(messages, this.rate);
    this.#point();
    for (const message of messages) {
      checker.said(this, message);
      send(message);
      this.#point();
    }
    this.#write(core, ready);
    this.#point();
    for (const { request } of ready.refusals) this.#proposals?.returned(request);
    this.#reads?.answered(ready.readStates);
    this.#reads?.serve(core, this);
  }

  #write(core: RaftCore, ready: Ready): void {
    const { snapshot, hardState, mustSync, mark, messagesAfterSync } = ready;
    const { life } = this;
    const file = snapshot === undefined ? undefined : this.disk.file(snapshot.index);
    // A commit index alone is not worth a write, but no entries may be durable without the one that came before them.
    const newest = hardState ?? this.#unwritten;
    const writes = newest !== undefined && (mustSync || this.#ports.settings.writesCommit);
    this.#unwritten = writes ? undefined : newest;
    const records = recordsOf(ready, writes ? newest : undefined);
    const durable = (): void => {
      if (this.life !== life) return;
      this.run(() => {
        if (file !== undefined) this.#restore(file);
        this.#point();
        if (mark !== undefined) core.persisted(mark);
        for (const message of messagesAfterSync) {
          this.#point();
          this.#promise(core, message);
        }
      });
    };
    const waits = messagesAfterSync.length > 0 || mark !== undefined;
    if (records.length === 0 && !waits) return;
    const mustFlush = mustSync || (waits && !this.disk.idle);
    if (!mustFlush && records.length === 0) return durable();
    const { traced } = this.#ports.settings;
    this.disk.write(records, mustFlush || waits || traced, durable);
  }

  /** What was promised is on disk now. */
  #promise(core: RaftCore, message: Message): void {
    this.#ports.checker.said(this, message);
    if (message.to === this.id) this.#step(core, message);
    else this.#ports.send(message);
  }

  #restore({ meta, state }: SnapshotFile): void {
    this.#installing -= 1;
    this.machine = new Machine(state);
    // Proposals that the snapshot covers are never seen as entries: whether they were applied stays unknown.
    this.#proposals?.failAll();
    this.#ports.checker.state(this.id, this.machine);
    this.#ports.trace.event('restore', this.id, meta.index);
  }

  /** False when there was nothing to apply. */
  #apply(core: RaftCore): boolean {
    if (!core.hasCommitted()) return false;
    const { applyMs } = this.#ports.settings;
    if (applyMs === 0) return this.#applyNow(core);
    if (this.#applyDue) return false;
    this.#applyDue = true;
    this.#ports.later(this, (this.#random as Random).next() * applyMs, () => {
      this.#applyDue = false;
      this.run(() => void this.#applyNow(core));
    });
    return false;
  }

  #applyNow(core: RaftCore): boolean {
    const entries = core.takeCommitted();
    if (entries.length === 0) return false;
    for (const entry of entries) {
      this.#applyEntry(core, entry);
      this.#point();
    }
    core.applied((entries.at(-1) as Entry).index);
    this.#ports.tracer?.applied(this, entries);
    this.#look(core);
    this.#reads?.serve(core, this);
    return true;
  }

  #applyEntry(core: RaftCore, entry: Entry): void {
    const { checker, oracle } = this.#ports;
    const proposals = this.#proposals as Proposals;
    const serial = entry.kind === 'command' ? serialOf(proposals, entry) : 0;
    this.machine.apply(entry, serial);
    checker.applied(this, entry, this.machine, serial);
    if (serial > 0) oracle.applied(serial, entry.index);
    const before = proposals.waiting;
    proposals.applied(entry);
    if (proposals.waiting < before) oracle.acknowledge(serial, entry.index);
    if (entry.index % CHECK_EVERY === 0) {
      core.stateChecked({ index: entry.index, checksum: this.machine.checksum });
    }
  }
}
