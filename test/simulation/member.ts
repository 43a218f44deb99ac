/** A member in simulation: the real core and proposals, a disk that forgets what was not flushed, no real time. */
import {
  createRaftCore,
  type Entry,
  type Message,
  type RaftCore,
  type Ready,
} from '../../src/raft/core/index.ts';
import { Proposals } from '../../src/raft/proposals.ts';
import type { Random } from '../../src/std/index.ts';
import type { Checker, Observed } from './checker.ts';

interface Write {
  readonly hardState: { term: number; vote: string | undefined; commit: number } | undefined;
  readonly entries: readonly Entry[];
  readonly done: () => void;
}

export interface MemberPorts {
  readonly random: Random;
  readonly checker: Checker;
  readonly voters: readonly string[];
  readonly learners: readonly string[];
  send(message: Message): void;
  /** Calls back when the disk is done with the oldest write. */
  flush(member: SimMember, done: () => void): void;
  voterViews(): Observed[];
  log(line: string): void;
}

export class SimMember implements Observed {
  readonly id: string;
  readonly #ports: MemberPorts;
  readonly durable: { term: number; vote: string | undefined; commit: number; log: Entry[] } = {
    term: 0,
    vote: undefined,
    commit: 0,
    log: [],
  };
  /** Undefined while the member is down. */
  #core: RaftCore | undefined;
  #proposals: Proposals | undefined;
  #writes: Write[] = [];
  #reads = new Map<string, number>();
  #answered: { context: string; index: number }[] = [];
  #lastRead = 0;
  /** Grows with each start, so that what belongs to an earlier life is recognised. */
  life = 0;
  log: Entry[] = [];
  pausedUntil = 0;

  constructor(id: string, ports: MemberPorts) {
    this.id = id;
    this.#ports = ports;
  }

  get up(): boolean {
    return this.#core !== undefined;
  }
  get term(): number {
    return this.#core?.status().term ?? this.durable.term;
  }
  get isLeader(): boolean {
    return this.#core?.status().role === 'leader';
  }
  get leaderId(): string | undefined {
    return this.#core?.status().leaderId;
  }
  get commit(): number {
    return this.#core?.status().commitIndex ?? 0;
  }
  get applied(): number {
    return this.#core?.status().appliedIndex ?? 0;
  }
  get waiting(): number {
    return this.#proposals?.waiting ?? 0;
  }

  start(): void {
    const { random, voters, learners, checker } = this.#ports;
    const { term, vote, commit, log } = this.durable;
    this.life += 1;
    this.log = [...log];
    this.#writes = [];
    this.#reads.clear();
    this.#answered = [];
    this.#proposals = new Proposals(random.bytes(8), {
      countMax: 1_000,
      bytesMax: 2 ** 20,
      timeoutMs: Infinity,
    });
    this.#core = createRaftCore(
      {
        id: this.id,
        groupId: 'g',
        voters,
        learners,
        electionTicks: { min: 20, max: 40 },
        heartbeatTicks: 5,
        quorumCheckTicks: 40,
        random,
        preVote: true,
        checkQuorum: true,
        appendBytesMax: 40,
        inflightMessagesMax: 8,
        inflightBytesMax: 2_000,
        uncommittedBytesMax: 4_000,
        pendingReadsMax: 100,
      },
      { hardState: { term, vote, commit: Math.min(commit, log.length) }, entries: log },
    );
    checker.restarted(this);
    this.#settle();
  }

  /** Power is lost: of the writes under way, an unknown number reached the disk, in order. */
  crash(): void {
    const survivors = Math.floor(this.#ports.random.next() * (this.#writes.length + 1));
    for (const write of this.#writes.slice(0, survivors)) this.#persist(write);
    this.#writes = [];
    this.#core = undefined;
    this.#proposals = undefined;
  }

  tick(): void {
    this.#core?.tick();
    this.#settle();
  }

  receive(message: Message): void {
    this.#core?.step(message);
    this.#settle();
  }

  lostPeer(id: string): boolean {
    const wasLeader = this.#core?.unreachable(id) ?? false;
    this.#settle();
    return wasLeader;
  }

  campaign(): void {
    this.#core?.campaign();
    this.#settle();
  }

  propose(text: string): void {
    // Nobody waits for the promise: acknowledgements are seen where entries are applied.
    void this.#proposals?.add(Buffer.from(text), 0).catch(() => undefined);
    this.#settle();
  }

  /** Callers stop to wait: a forwarded proposal that the network lost is never decided otherwise. */
  giveUp(): void {
    this.#proposals?.failAll();
  }

  read(): void {
    if (this.#core === undefined) return;
    this.#lastRead += 1;
    const context = `${this.id}/${this.life}/${this.#lastRead}`;
    if (this.#core.readIndex(context)) this.#reads.set(context, this.#ports.checker.acknowledged);
    this.#settle();
  }

  /** The oldest write is on disk. */
  flushed(): void {
    const write = this.#writes.shift();
    if (write === undefined) return;
    this.#persist(write);
    write.done();
    this.#startFlush();
    this.#settle();
  }

  #persist(write: Write): void {
    for (const entry of write.entries) {
      this.durable.log.length = Math.min(this.durable.log.length, entry.index - 1);
      this.durable.log.push(entry);
    }
    if (write.hardState !== undefined) Object.assign(this.durable, write.hardState);
  }

  #startFlush(): void {
    if (this.#writes.length === 0) return;
    const { life } = this;
    this.#ports.flush(this, () => {
      if (this.life === life && this.up) this.flushed();
    });
  }

  #settle(): void {
    const core = this.#core;
    const proposals = this.#proposals;
    if (core === undefined || proposals === undefined) return;
    this.#giveProposals(core, proposals);
    while (core.hasReady()) {
      this.#handle(core, proposals, core.ready());
      this.#giveProposals(core, proposals);
    }
    this.#ports.checker.stepped(this, this.#ports.voterViews());
  }

  #giveProposals(core: RaftCore, proposals: Proposals): void {
    for (;;) {
      if (core.status().leaderId === undefined) return;
      const batch = proposals.next(100);
      if (batch === undefined) return;
      const result = core.propose(batch.commands, batch.request);
      if (result === 'no-leader' || result === 'overloaded')
        return proposals.returned(batch.request);
      proposals.accepted(batch.request, core.status().term);
    }
  }

  #handle(core: RaftCore, proposals: Proposals, ready: Ready): void {
    const { checker } = this.#ports;
    for (const entry of ready.entries) {
      this.log.length = entry.index - 1;
      this.log.push(entry);
    }
    checker.wrote(this, ready.entries);
    checker.stepped(this, this.#ports.voterViews());
    if (ready.softState !== undefined) {
      const { role, leaderId } = ready.softState;
      this.#ports.log(`${this.id} ${role} term ${core.status().term} leader ${leaderId ?? '-'}`);
    }
    for (const message of ready.messages) this.#ports.send(message);
    this.#write(core, ready);
    for (const { request } of ready.refusals) proposals.returned(request);
    this.#answered.push(...ready.readStates);
    for (const entry of ready.committedEntries) this.#apply(proposals, entry);
    const last = ready.committedEntries.at(-1);
    if (last !== undefined) core.applied(last.index);
    this.#serveReads(core);
  }

  #write(core: RaftCore, ready: Ready): void {
    const done = (): void => {
      if (ready.mark !== undefined) core.persisted(ready.mark);
      for (const message of ready.messagesAfterSync) {
        this.#ports.checker.said(this, message);
        if (message.to === this.id) core.step(message);
        else this.#ports.send(message);
      }
    };
    const idle = this.#writes.length === 0;
    if (!ready.mustSync && idle) return done();
    const { term, vote, commitIndex: commit } = core.status();
    const hardState = ready.mustSync ? { term, vote, commit } : undefined;
    this.#writes.push({ hardState, entries: ready.entries, done });
    if (idle) this.#startFlush();
  }

  #apply(proposals: Proposals, entry: Entry): void {
    if (entry.kind === 'command') this.#ports.checker.applied(entry);
    const before = proposals.waiting;
    proposals.applied(entry);
    if (proposals.waiting < before) this.#ports.checker.acknowledge(entry.index);
  }

  #serveReads(core: RaftCore): void {
    const { appliedIndex } = core.status();
    const due = this.#answered.filter(({ index }) => index <= appliedIndex);
    this.#answered = this.#answered.filter(({ index }) => index > appliedIndex);
    for (const { context } of due) {
      const floor = this.#reads.get(context);
      this.#reads.delete(context);
      if (floor !== undefined) this.#ports.checker.read(this.id, floor, appliedIndex);
    }
  }
}
