/** One member of a Raft group: drives the core with time, disk and network, in the order its contract asks for. */
import { join } from 'node:path';
import type { CancelTimer } from '../std/index.ts';
import {
  configurationOf,
  createRaftCore,
  type Message,
  type RaftCore,
  type Ready,
} from './core/index.ts';
import { RaftError } from './errors.ts';
import { createRaftMetrics, type RaftMetrics } from './raft-metrics.ts';
import { Proposals } from './proposals.ts';
import { Reads } from './reads.ts';
import { createTransport, type Transport } from './transport.ts';
import type { LogEntry, RaftNode, RaftNodeOptions, RaftStatus } from './types.ts';
import { openWal, type Wal } from './wal.ts';
import { diskFiles } from './wal-files.ts';
import type { WalRecord } from './wal-format.ts';

const GROUP_ID = 'main';
const TICKS_PER_HEARTBEAT = 5;
/** Ticks made up for after the process was held up: more would let time-outs fire before the network was read. */
const TICKS_AT_ONCE_MAX = 2;
const LIMITS = {
  appendBytesMax: 1 * 2 ** 20,
  inflightMessagesMax: 256,
  inflightBytesMax: 8 * 2 ** 20,
  uncommittedBytesMax: 64 * 2 ** 20,
  pendingReadsMax: 4_096,
  applyBytesMax: 4 * 2 ** 20,
  promotionLagMax: 1_024,
  proposalsMax: 16_384,
  proposalBytesMax: 64 * 2 ** 20,
  readersMax: 65_536,
  commandBytesMax: 8 * 2 ** 20,
  requestTimeoutMs: 5_000,
} as const;

export function createRaftNode(options: RaftNodeOptions): RaftNode {
  return new Driver(options);
}

class Driver implements RaftNode {
  readonly #options: RaftNodeOptions;
  readonly #metrics: RaftMetrics;
  readonly #transport: Transport;
  readonly #proposals: Proposals;
  readonly #reads: Reads;
  readonly #tickMs: number;
  readonly #listeners = new Set<(status: RaftStatus) => void>();
  #apply: (entry: LogEntry) => void = () => undefined;
  #core: RaftCore | undefined;
  #wal: Wal | undefined;
  #state: 'created' | 'running' | 'stopped' = 'created';
  #learners: readonly string[];
  #scheduled = false;
  #writtenHardState = { term: 0, vote: undefined as string | undefined };
  #lastTickAt = 0;
  #cancelTick: CancelTimer = () => undefined;
  #cancelCampaign: CancelTimer = () => undefined;
  #lastStatus = { term: -1, role: '', leaderId: undefined as string | undefined };

  constructor(options: RaftNodeOptions) {
    const { id, random, clock } = options;
    const instance = random.bytes(8);
    const timeoutMs = LIMITS.requestTimeoutMs;
    this.#options = options;
    this.#learners = options.learners ?? [];
    this.#tickMs = options.timing.heartbeatIntervalMs / TICKS_PER_HEARTBEAT;
    this.#metrics = createRaftMetrics(options.metrics);
    this.#proposals = new Proposals(instance, {
      countMax: LIMITS.proposalsMax,
      bytesMax: LIMITS.proposalBytesMax,
      timeoutMs,
    });
    const instanceName = Buffer.from(instance).toString('hex');
    this.#reads = new Reads(`${id}/${instanceName}`, { countMax: LIMITS.readersMax, timeoutMs });
    this.#transport = createTransport({
      ...options,
      clock,
      instance: instanceName,
      onMessage: (message) => this.#step(message),
      onLost: (peerId) => this.#lost(peerId),
      onOpen: () => this.#schedule(),
    });
  }

  async start(): Promise<void> {
    const { id, clusterId, clock, voters, timing, random } = this.#options;
    this.#wal = await openWal({
      files: this.#options.files ?? diskFiles(join(this.#options.dataDir, 'raft')),
      identity: { clusterId, nodeId: id, groupId: GROUP_ID },
      clock,
      onFlush: (seconds) => this.#metrics.fsync.observe(seconds),
      onFailure: (error) => this.#fail(error),
    });
    const { stored, repairedBytes } = this.#wal;
    this.#writtenHardState = { term: stored.hardState.term, vote: stored.hardState.vote };
    const ticks = (ms: number): number => Math.max(1, Math.round(ms / this.#tickMs));
    this.#core = createRaftCore(
      {
        id,
        groupId: GROUP_ID,
        electionTicks: {
          min: ticks(timing.electionTimeoutMs.min),
          max: ticks(timing.electionTimeoutMs.max),
        },
        heartbeatTicks: TICKS_PER_HEARTBEAT,
        // Later than followers give up on a leader: on a machine short of time, stepping down early only costs.
        quorumCheckTicks: ticks(timing.electionTimeoutMs.max),
        random,
        preVote: true,
        checkQuorum: true,
        leaseReads: false,
        forwardProposals: true,
        stepDownOnRemoval: true,
        ...LIMITS,
      },
      {
        ...stored,
        snapshot: {
          index: 0,
          term: 0,
          configuration: { ...configurationOf(voters), learners: this.#learners },
        },
      },
    );
    this.#options.logger.info('raft log opened', {
      term: stored.hardState.term,
      entries: stored.entries.length,
      repairedBytes,
    });
    this.#state = 'running';
    this.#connectPeers();
    this.#lastTickAt = clock.monotonic();
    this.#scheduleTick();
    if (voters.length === 1 && voters[0] === id) this.#core.campaign();
    this.#schedule();
  }

  async stop(): Promise<void> {
    if (this.#state === 'stopped') return;
    this.#halt();
    await this.#wal?.close();
  }

  propose(command: Uint8Array, signal?: AbortSignal): Promise<{ index: number; term: number }> {
    if (this.#state === 'stopped') return Promise.reject(new RaftError('stopped', 'not-applied'));
    if (command.length > LIMITS.commandBytesMax) {
      return Promise.reject(
        new RangeError(`a command has at most ${LIMITS.commandBytesMax} bytes`),
      );
    }
    const result = this.#proposals.add(command, this.#options.clock.monotonic(), signal);
    this.#schedule();
    return this.#metrics.countProposal(result);
  }

  readBarrier(signal?: AbortSignal): Promise<void> {
    if (this.#state === 'stopped') return Promise.reject(new RaftError('stopped', 'not-applied'));
    const result = this.#reads.add(this.#options.clock.monotonic(), signal);
    this.#schedule();
    return result;
  }

  onApply(handler: (entry: LogEntry) => void): void {
    this.#apply = handler;
  }

  onStatus(listener: (status: RaftStatus) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  setLearners(ids: readonly string[]): void {
    this.#learners = ids.filter((id) => !this.#options.voters.includes(id));
    if (this.#state === 'running') this.#connectPeers();
    this.#schedule();
  }

  status(): RaftStatus {
    const { id, voters } = this.#options;
    const learners = this.#learners;
    const status = this.#core?.status();
    const isLearner = !voters.includes(id);
    if (status === undefined) {
      const role = isLearner ? 'learner' : 'follower';
      return { nodeId: id, role, term: 0, commitIndex: 0, appliedIndex: 0, voters, learners };
    }
    const role = status.role === 'pre-candidate' ? 'candidate' : status.role;
    return {
      nodeId: id,
      role: isLearner ? 'learner' : role,
      ...(status.leaderId === undefined ? {} : { leaderId: status.leaderId }),
      term: status.term,
      commitIndex: status.commitIndex,
      appliedIndex: status.appliedIndex,
      voters,
      learners,
      ...(status.role === 'leader'
        ? {
            progress: (this.#core?.progress() ?? []).map(({ id, match }) => ({
              id,
              matchIndex: match,
            })),
          }
        : {}),
    };
  }

  #connectPeers(): void {
    const members = [...this.#options.voters, ...this.#learners];
    this.#transport.setPeers(members.filter((id) => id !== this.#options.id));
  }

  /** Ends timers, streams and waiting callers; the log on disk stays as it is. */
  #halt(): void {
    this.#state = 'stopped';
    this.#cancelTick();
    this.#cancelCampaign();
    this.#transport.stop();
    this.#proposals.failAll();
    this.#reads.failAll();
  }

  #fail(error: Error): void {
    if (this.#state === 'stopped') return;
    this.#options.logger.error('raft stopped by a failure', { error: error.stack });
    this.#halt();
    const onFatal = this.#options.onFatal;
    if (onFatal !== undefined) return onFatal(error);
    queueMicrotask(() => {
      throw error;
    });
  }

  /** Runs `action` on the core; what it throws is a broken invariant. */
  #withCore(action: (core: RaftCore) => void): void {
    if (this.#state !== 'running' || this.#core === undefined) return;
    try {
      action(this.#core);
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  #step(message: Message): void {
    this.#withCore((core) => core.step(message));
    this.#schedule();
  }

  #scheduleTick(): void {
    this.#cancelTick = this.#options.clock.schedule(this.#tickMs, () => {
      const now = this.#options.clock.monotonic();
      const due = Math.floor((now - this.#lastTickAt) / this.#tickMs);
      this.#lastTickAt = due > TICKS_AT_ONCE_MAX ? now : this.#lastTickAt + due * this.#tickMs;
      this.#withCore((core) => {
        for (let i = 0; i < Math.min(due, TICKS_AT_ONCE_MAX); i++) core.tick();
      });
      this.#proposals.expire(now);
      this.#reads.expire(now, 4 * this.#options.timing.heartbeatIntervalMs);
      this.#metrics.waiting(
        this.#proposals.waiting,
        this.#reads.waiting,
        this.#wal?.waiting() ?? 0,
      );
      this.#run();
      if (this.#state === 'running') this.#scheduleTick();
    });
  }

  /** A broken connection to the leader is a reason to ask for an election at once: one voter after the other, by rank. */
  #lost(peerId: string): void {
    this.#withCore((core) => {
      const { term } = core.status();
      core.reportUnreachable(peerId);
      if (core.status().leaderId !== peerId || !core.forgetLeader()) return;
      const { clock, random, timing, voters, id } = this.#options;
      this.#options.logger.info('leader unreachable', { leader: peerId, term });
      this.#proposals.linkLost(term, clock.monotonic() + 4 * timing.electionTimeoutMs.max);
      const rank = voters
        .filter((voter) => voter !== peerId)
        .sort()
        .indexOf(id);
      const staggerMs = timing.heartbeatIntervalMs / 2;
      this.#cancelCampaign();
      this.#cancelCampaign = clock.schedule((rank + random.next() / 3) * staggerMs, () => {
        this.#withCore((now) => {
          const status = now.status();
          const settled = status.leaderId !== undefined || status.role !== 'follower';
          if (!settled && status.term === term) now.campaign();
        });
        this.#run();
      });
    });
    this.#schedule();
  }

  /** Work is done once per turn of the event loop, so that everything that came in shares a write and a message. */
  #schedule(): void {
    if (this.#scheduled || this.#state !== 'running') return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#run();
    });
  }

  #run(): void {
    this.#withCore((core) => {
      this.#askWaiting(core);
      while (this.#state === 'running' && (core.hasReady() || core.hasCommitted())) {
        this.#handle(core, core.ready());
        this.#askWaiting(core);
      }
    });
  }

  /** Gives waiting proposals and reads to the core, as far as it takes them. */
  #askWaiting(core: RaftCore): void {
    for (;;) {
      const { leaderId, term } = core.status();
      if (leaderId === undefined) return;
      // What is handed to a stream that is not there would be lost without anyone knowing.
      if (leaderId !== this.#options.id && !this.#transport.canSend(leaderId)) return;
      const batch = this.#proposals.next(LIMITS.appendBytesMax);
      if (batch === undefined) break;
      const result = core.propose(batch.commands, batch.request);
      if (result === 'no-leader' || result === 'overloaded') {
        this.#proposals.returned(batch.request);
        break;
      }
      this.#proposals.accepted(batch.request, term);
    }
    for (;;) {
      const context = this.#reads.next();
      if (context === undefined || !core.readIndex(context)) return;
      this.#reads.asked(context, this.#options.clock.monotonic());
    }
  }

  #handle(core: RaftCore, ready: Ready): void {
    this.#transport.send(ready.messages);
    this.#write(core, ready);
    for (const { request } of ready.refusals) this.#proposals.returned(request);
    const { appliedIndex } = core.status();
    for (const { context, index } of ready.readStates) {
      this.#reads.answered(context, index, appliedIndex);
    }
    this.#applyCommitted(core);
    this.#reportStatus(core);
  }

  #write(core: RaftCore, ready: Ready): void {
    const records: WalRecord[] = [];
    const { hardState, mark, messagesAfterSync } = ready;
    if (ready.mustSync) {
      const { term, vote, commitIndex: commit } = core.status();
      const { term: writtenTerm, vote: writtenVote } = this.#writtenHardState;
      if (hardState !== undefined || term !== writtenTerm || vote !== writtenVote) {
        records.push({ type: 'hard-state', hardState: { term, vote, commit } });
        this.#writtenHardState = { term, vote };
      }
      for (const entry of ready.entries) records.push({ type: 'entry', entry });
    }
    if (records.length === 0 && messagesAfterSync.length === 0) return;
    this.#wal?.append(records, () => {
      this.#withCore((core) => {
        if (mark !== undefined) core.persisted(mark);
        this.#deliver(core, messagesAfterSync);
      });
      this.#schedule();
    });
  }

  #deliver(core: RaftCore, messages: readonly Message[]): void {
    const { id } = this.#options;
    this.#transport.send(messages.filter((message) => message.to !== id));
    for (const message of messages) if (message.to === id) core.step(message);
  }

  #applyCommitted(core: RaftCore): void {
    const entries = core.takeCommitted();
    const last = entries.at(-1);
    if (last === undefined) return;
    for (const entry of entries) {
      const command = this.#proposals.split(entry.data);
      if (entry.kind === 'command') {
        this.#apply({ index: entry.index, term: entry.term, command });
      }
      this.#proposals.applied(entry);
    }
    core.applied(last.index);
    this.#reads.applied(last.index);
  }

  #reportStatus(core: RaftCore): void {
    const { term, role, leaderId, commitIndex } = core.status();
    this.#metrics.state({ term, commitIndex, isLeader: role === 'leader' });
    const last = this.#lastStatus;
    if (last.term === term && last.role === role && last.leaderId === leaderId) return;
    if (leaderId !== undefined && leaderId !== last.leaderId) this.#metrics.leaderChanges.inc();
    this.#lastStatus = { term, role, leaderId };
    this.#reads.askAgain();
    this.#schedule();
    this.#options.logger.info('raft status', { term, role, leader: leaderId });
    const status = this.status();
    for (const listener of [...this.#listeners]) listener(status);
  }
}
