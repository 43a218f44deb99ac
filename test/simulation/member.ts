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
import { Proposals } from '../../src/raft/proposals.ts';
import type { Random } from '../../src/std/index.ts';
import type { Checker, Observed } from './checker.ts';
import { Disk, type DiskRecord, type SnapshotFile } from './disk.ts';
import { LeaseReads } from './lease-reads.ts';
import { LogMirror } from './log-mirror.ts';
import { Machine } from './machine.ts';
import type { Oracle } from './oracle.ts';
import { TICK_MS, type Settings } from './settings.ts';
import type { Tracer } from './tla-tracer.ts';
import type { TraceLog } from './trace-log.ts';

/** Ends what a process does at this very point. */
const CRASH = Symbol('crash');
/** Checksums are compared at each index that this divides. */
const CHECK_EVERY = 8;
/** Ticks made up for after the process was held up, as the driver does. */
const TICKS_AT_ONCE_MAX = 2;

export interface MemberPorts {
  readonly settings: Settings;
  readonly checker: Checker;
  readonly oracle: Oracle;
  readonly trace: TraceLog;
  readonly tracer: Tracer | undefined;
  readonly now: () => number;
  random(member: string, life: number): Random;
  send(message: Message): void;
  /** Runs `action` in the same life of the member, after a delay, and when it is not held up. */
  later(member: SimMember, delayMs: number, action: () => void): void;
  crashed(member: SimMember): void;
}

interface PendingRead {
  readonly key: number;
  readonly floor: number;
}

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
  #lease: LeaseReads | undefined;
  #installing = 0;
  #busy = false;
  #turnDue = false;
  #applyDue = false;
  #lastTickAt = 0;
  #compacting = false;
  #reads = new Map<string, PendingRead>();
  #answered: { readonly context: string; readonly index: number }[] = [];
  #lastRead = 0;
  #ledTerm = 0;
  #stalled = false;
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
    return this.core?.status().role === 'leader';
  }

  start(): void {
    const { settings, checker, random, now, trace } = this.#ports;
    const stored = this.disk.load();
    this.life += 1;
    this.#random = random(this.id, this.life);
    this.log = new LogMirror();
    this.log.reset(stored.snapshot.index, stored.snapshot.term, stored.entries);
    this.machine = new Machine(this.disk.snapshot.state);
    this.#reads = new Map();
    this.#answered = [];
    this.#installing = 0;
    this.#turnDue = false;
    this.#applyDue = false;
    this.#compacting = false;
    this.#ledTerm = 0;
    this.#stalled = false;
    this.#unwritten = undefined;
    this.#lastTickAt = now();
    this.#proposals = new Proposals(this.#random.bytes(8), {
      countMax: 1_000,
      bytesMax: 2 ** 20,
      timeoutMs: Infinity,
    });
    const { core } = settings;
    this.#lease = core.leaseReads ? new LeaseReads(core, TICK_MS) : undefined;
    this.core = createRaftCore(
      { ...core, id: this.id, groupId: 'g', random: this.#random },
      stored,
    );
    trace.event('start', this.id, stored.hardState.term, this.log.last);
    checker.started(this, this.core.status());
    this.#ports.tracer?.started(this);
    this.#tickLater();
    this.run(() => undefined);
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
    const { tracer } = this.#ports;
    this.run((core) => {
      if (tracer?.receives(this, message) === false) return;
      core.step(message);
    });
  }

  propose(serial: number): void {
    this.run(() => {
      const data = Buffer.allocUnsafe(6);
      data.writeUIntBE(serial, 0, 6);
      // Nobody waits for the promise: acknowledgements are seen where entries are applied.
      void this.#proposals?.add(data, 0).catch(() => undefined);
    });
  }

  /** Callers stop to wait: a forwarded proposal that the network lost is never decided otherwise. */
  giveUp(): void {
    this.#proposals?.failAll();
  }

  read(key: number): void {
    this.run((core) => {
      const { oracle, now } = this.#ports;
      const floor = oracle.floor(key);
      if (this.#lease?.mayRead(core.status(), this.log, now() * this.rate) === true) {
        return oracle.read(this.id, key, this.machine.read(key), floor);
      }
      this.#lastRead += 1;
      const context = `${this.id}/${this.life}/${this.#lastRead}`;
      if (core.readIndex(context)) this.#reads.set(context, { key, floor });
    });
  }

  /** The connection to a member broke, which is a reason to ask for an election when it was the leader: by rank. */
  unreachable(peer: string): void {
    this.run((core) => {
      const { leaderId, role, term, configuration } = core.status();
      core.reportUnreachable(peer);
      core.reportSnapshot(peer, false);
      if (leaderId !== peer || role !== 'follower' || !core.forgetLeader()) return;
      const rank = configuration.voters.filter((id) => id !== peer).indexOf(this.id);
      const staggerMs = (this.#ports.settings.core.heartbeatTicks * TICK_MS) / 2;
      const delayMs = (rank + (this.#random as Random).next() / 3) * staggerMs;
      this.#ports.later(this, Math.max(0, delayMs), () =>
        this.run((now) => {
          const status = now.status();
          const settled = status.leaderId !== undefined || status.role !== 'follower';
          if (!settled && status.term === term) now.campaign();
        }),
      );
    });
  }

  /** Takes a snapshot of the state as it is; once it is durable, the log is cut behind it. */
  snapshot(writeMs: number): void {
    const { core, machine } = this;
    if (core === undefined || this.installing || this.#compacting) return;
    const { appliedIndex: index, configuration } = core.status();
    const term = this.log.termAt(index);
    if (index <= this.disk.snapshot.meta.index || term === undefined) return;
    if (index !== machine.index) return;
    const file = { meta: { index, term, configuration }, state: machine.snapshot() };
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
    const { electionTicks } = this.#ports.settings.core;
    const stalled = this.disk.oldestWriteAgeMs > electionTicks.max * TICK_MS;
    if (stalled === this.#stalled) return;
    this.#stalled = stalled;
    this.#ports.trace.event(stalled ? 'stalled' : 'flows', this.id);
    core.setEligible(!stalled);
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
    this.#lease?.look(status, core.confirmedRound());
    return status;
  }

  #turn(core: RaftCore): void {
    this.#giveProposals(core);
    for (;;) {
      this.#ports.tracer?.changed(this);
      if (core.hasReady()) this.#handle(core, core.ready());
      else if (!this.#apply(core)) break;
      this.#look(core);
      this.#giveProposals(core);
    }
  }

  #giveProposals(core: RaftCore): void {
    const proposals = this.#proposals as Proposals;
    for (;;) {
      const { leaderId, term } = core.status();
      if (leaderId === undefined) return;
      const batch = proposals.next(this.#ports.settings.traced ? 1 : 100);
      if (batch === undefined) return;
      const result = core.propose(batch.commands, batch.request);
      if (result !== 'appended' && result !== 'forwarded') return proposals.returned(batch.request);
      proposals.accepted(batch.request, term);
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
    }
    tracer?.ready(this, ready);
    this.#lease?.sent(messages, this.#ports.now() * this.rate);
    this.#point();
    for (const message of messages) {
      send(message);
      this.#point();
    }
    this.#write(core, ready);
    this.#point();
    for (const { request } of ready.refusals) this.#proposals?.returned(request);
    this.#answered.push(...ready.readStates);
    this.#serveReads(core);
  }

  #write(core: RaftCore, ready: Ready): void {
    const { snapshot, hardState, entries, mustSync, mark, messagesAfterSync } = ready;
    const { life } = this;
    const file = snapshot === undefined ? undefined : this.disk.file(snapshot.index);
    const records: DiskRecord[] = [];
    if (snapshot !== undefined) records.push({ type: 'snapshot', meta: snapshot });
    for (const entry of entries) records.push({ type: 'entry', entry });
    // A commit index alone is not worth a write, but no entries may be durable without the one that came before them.
    const newest = hardState ?? this.#unwritten;
    const writes = newest !== undefined && (mustSync || this.#ports.settings.writesCommit);
    this.#unwritten = writes ? undefined : newest;
    if (writes) records.push({ type: 'hard-state', hardState: newest });
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
    this.disk.write(records, mustFlush || waits, durable);
  }

  /** What was promised is on disk now. */
  #promise(core: RaftCore, message: Message): void {
    this.#ports.checker.said(this, message);
    if (message.to !== this.id) return this.#ports.send(message);
    if (this.#ports.tracer?.receives(this, message) === false) return;
    core.step(message);
    this.#ports.tracer?.changed(this);
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
    const last = entries.at(-1);
    if (last === undefined) return false;
    for (const entry of entries) {
      this.#applyEntry(core, entry);
      this.#point();
    }
    core.applied(last.index);
    this.#ports.tracer?.applied(this, entries);
    this.#look(core);
    this.#serveReads(core);
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

  #serveReads(core: RaftCore): void {
    if (this.#answered.length === 0) return;
    const { appliedIndex } = core.status();
    const due = this.#answered.filter(({ index }) => index <= appliedIndex);
    if (due.length === 0) return;
    this.#answered = this.#answered.filter(({ index }) => index > appliedIndex);
    for (const { context } of due) {
      const read = this.#reads.get(context);
      this.#reads.delete(context);
      if (read === undefined) continue;
      const { key, floor } = read;
      this.#ports.oracle.read(this.id, key, this.machine.read(key), floor);
    }
  }
}

/** The serial that a command carries. */
function serialOf(proposals: Proposals, { data }: Entry): number {
  const command = proposals.split(data);
  return Buffer.from(command.buffer, command.byteOffset, command.byteLength).readUIntBE(0, 6);
}
