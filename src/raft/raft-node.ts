/** One member of a Raft group: drives the core with time, disk and network, in the order its contract asks for. */
import { join } from 'node:path';
import { required, type CancelTimer } from '../std/index.ts';
import {
  createRaftCore,
  members,
  type ConfigChange,
  type Entry,
  type Message,
  type RaftCore,
  type Ready,
} from './core/index.ts';
import { DiskWatch } from './disk-watch.ts';
import { asDiskFault, RaftError, uncaught } from './errors.ts';
import { WrittenHardState } from './hard-state.ts';
import { openKnownDisks, removedBy, type KnownDisks } from './known-disks.ts';
import { coreConfig, LIMITS, tickMsOf } from './limits.ts';
import { createRaftMetrics, type RaftMetrics } from './raft-metrics.ts';
import { Requests } from './requests.ts';
import { Snapshotter } from './snapshotter.ts';
import { StatusBoard, statusOf } from './status.ts';
import { openStorage, snapshotPort, type Storage } from './storage.ts';
import { Takeover } from './takeover.ts';
import { transferred, type TransferPorts } from './transfer.ts';
import { createTransport, type Transport } from './transport.ts';
import type { RaftNode, RaftNodeOptions, RaftStatus, StateMachine } from './types.ts';
import { diskFiles } from './wal-files.ts';

const GROUP_ID = 'main';
const { ticksAtOnceMax, checkEntries, measureEveryMs } = LIMITS;

export function createRaftNode(options: RaftNodeOptions): RaftNode {
  return new Driver(options);
}

/** What there is once the log is open. */
interface Parts {
  readonly core: RaftCore;
  readonly storage: Storage;
  readonly machine: StateMachine;
  readonly disks: KnownDisks;
  readonly snapshotter: Snapshotter;
  readonly hardState: WrittenHardState;
}

class Driver implements RaftNode {
  readonly #options: RaftNodeOptions;
  readonly #metrics: RaftMetrics;
  readonly #transport: Transport;
  readonly #requests: Requests;
  readonly #takeover: Takeover;
  readonly #disk: DiskWatch;
  readonly #tickMs: number;
  readonly #board: StatusBoard;
  /** Peers that know this member by another disk. */
  readonly #replacedAt = new Set<string>();
  #avoided: readonly string[] = [];
  #machine: StateMachine | undefined;
  #parts: Parts | undefined;
  #state: 'created' | 'running' | 'stopping' | 'stopped' = 'created';
  #scheduled = false;
  #closed: Promise<void> | undefined;
  #lastTickAt = 0;
  #measuredAt = 0;
  #cancelTick: CancelTimer = () => undefined;

  constructor(options: RaftNodeOptions) {
    const instance = options.random.bytes(8);
    this.#options = options;
    this.#tickMs = tickMsOf(options.timing);
    this.#metrics = createRaftMetrics(options.metrics);
    this.#requests = new Requests(options, instance);
    this.#takeover = new Takeover(options);
    this.#disk = new DiskWatch(options);
    this.#board = new StatusBoard(options.logger, this.#metrics);
    this.#transport = createTransport({
      ...options,
      instance: Buffer.from(instance).toString('hex'),
      diskId: () => this.#open().storage.diskId,
      knownDisk: {
        get: (peer) => this.#parts?.disks.get(peer),
        set: (peer, diskId) => this.#parts?.disks.set(peer, diskId),
        forget: (peer) => this.#parts?.disks.forget(peer),
      },
      snapshots: snapshotPort(() => this.#parts?.storage),
      onMessage: (message) => this.#enter(({ core }) => core.step(message)),
      onDropped: (peerId, messages) => this.#dropped(peerId, messages),
      onLost: (peerId) => this.#lost(peerId),
      onOpen: () => this.#schedule(),
      onJudged: (peerId, refusal) => {
        if (refusal === 'member-replaced') this.#replacedAt.add(peerId);
        else this.#replacedAt.delete(peerId);
        this.#schedule();
      },
    });
  }

  use(machine: StateMachine): void {
    this.#machine = machine;
  }

  async start(): Promise<void> {
    const { id, clusterId, clock, random, voters, dataDir, logger, snapshot } = this.#options;
    const machine = required(this.#machine, 'a state machine is set before the start');
    const storage = await openStorage({
      files: this.#options.files ?? diskFiles(join(dataDir, 'raft')),
      identity: { clusterId, nodeId: id, groupId: GROUP_ID },
      bootstrapVoters: voters,
      clock,
      random,
      onFlush: (seconds) => this.#metrics.fsync.observe(seconds),
      onFailure: (error) => this.#fail(error),
      onDiskFull: (isFull) => {
        this.#disk.setFull(isFull);
        this.#schedule();
      },
    });
    const { stored, repairedBytes } = storage;
    const core = createRaftCore(coreConfig(this.#options, GROUP_ID), stored);
    const snapshotter = new Snapshotter({
      core,
      storage,
      machine,
      policy: snapshot ?? LIMITS.snapshot,
      logger,
      enter: (action) => this.#enter(action),
      onFailure: (error) => this.#fail(error),
    });
    const file = storage.snapshot();
    if (file !== undefined) await snapshotter.restore(file.meta.index);
    const disks = await openKnownDisks(dataDir, logger);
    const hardState = new WrittenHardState(stored.hardState);
    this.#parts = { core, storage, machine, disks, snapshotter, hardState };
    const { index } = stored.snapshot;
    logger.info('raft log opened', { ...stored.hardState, snapshot: index, repairedBytes });
    this.#state = 'running';
    this.#connectPeers(core);
    this.#lastTickAt = clock.monotonic();
    this.#scheduleTick();
    if (stored.snapshot.configuration.voters.every((voter) => voter === id)) core.campaign();
    this.#schedule();
  }

  async stop(): Promise<void> {
    if (this.#state === 'running') await this.#handOver();
    if (this.#state !== 'stopped') this.#halt();
    await (this.#closed ??= this.#close());
  }

  async #close(): Promise<void> {
    await this.#parts?.snapshotter.idle();
    await this.#parts?.storage.close();
    await this.#parts?.disks.close();
  }

  /** A leader that goes lets another one take over, where it would otherwise be missed. */
  async #handOver(): Promise<void> {
    this.#state = 'stopping';
    const { role, voters, nodeId } = this.status();
    if (role !== 'leader' || voters.every((id) => id === nodeId)) return;
    await transferred(this, this.#transferPorts(), undefined).catch((error: unknown) =>
      this.#options.logger.warn('leadership was not handed over', { error: String(error) }),
    );
  }

  propose(command: Uint8Array, signal?: AbortSignal): Promise<{ index: number; term: number }> {
    return this.#ask(() => this.#requests.propose(command, signal));
  }

  readBarrier(signal?: AbortSignal): Promise<void> {
    return this.#ask(() => this.#requests.read(this.#parts?.core, signal));
  }

  changeMembership(change: ConfigChange, signal?: AbortSignal): Promise<void> {
    return this.#ask(() => this.#requests.change(change, signal));
  }

  transferLeadership(to?: string, signal?: AbortSignal): Promise<void> {
    return this.#ask(() => transferred(this, this.#transferPorts(), to, signal));
  }

  #ask<T>(question: () => Promise<T>): Promise<T> {
    if (this.#state === 'stopped' || this.#state === 'stopping') {
      return Promise.reject(new RaftError('stopped', 'not-applied'));
    }
    const result = question();
    this.#schedule();
    return result;
  }

  avoidLeaders(ids: readonly string[]): void {
    this.#avoided = ids;
    this.#enter(({ core }) => core.setReluctant(ids.includes(this.#options.id)));
  }

  onStatus(listener: (status: RaftStatus) => void): () => void {
    return this.#board.subscribe(listener);
  }

  status(): RaftStatus {
    const { id, voters } = this.#options;
    const { core, storage, disks } = this.#parts ?? {};
    const troubles = { diskFull: this.#disk.isFull, replaced: this.#replacedAt.size > 0 };
    return statusOf({ id, voters, ...troubles, storage, disks }, core);
  }

  #isLive(): boolean {
    return this.#state === 'running' || this.#state === 'stopping';
  }

  #open(): Parts {
    if (this.#parts === undefined) throw new RaftError('stopped', 'not-applied');
    return this.#parts;
  }

  #transferPorts(): TransferPorts {
    const { clock, timing } = this.#options;
    return {
      clock,
      timeoutMs: 2 * timing.electionTimeoutMs.max,
      avoided: this.#avoided,
      begin: (to) => {
        const begun = this.#open().core.transferLeadership(to);
        this.#schedule();
        return begun;
      },
    };
  }

  #connectPeers(core: RaftCore, rejoined: readonly string[] | 'any' = []): void {
    const peers = members(core.status().configuration).filter((id) => id !== this.#options.id);
    this.#transport.setPeers(peers, rejoined);
  }

  /** Ends timers, streams and waiting callers; the log on disk stays as it is. */
  #halt(): void {
    this.#state = 'stopped';
    this.#cancelTick();
    this.#takeover.stop();
    this.#transport.stop();
    this.#requests.failAll();
  }

  #fail(cause: Error): void {
    if (this.#state === 'stopped') return;
    const error = asDiskFault(cause);
    this.#options.logger.error('raft stopped by a failure', { error: error.stack });
    this.#halt();
    (this.#options.onFatal ?? uncaught)(error);
  }

  /** Runs `action` on what is there while the member runs, then what it leads to; what it throws is a broken invariant. */
  #enter(action: (parts: Parts) => void): void {
    this.#guarded(action);
    this.#schedule();
  }

  #guarded(action: (parts: Parts) => void): void {
    if (!this.#isLive() || this.#parts === undefined) return;
    try {
      action(this.#parts);
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  #scheduleTick(): void {
    this.#cancelTick = this.#options.clock.schedule(this.#tickMs, () => {
      const now = this.#options.clock.monotonic();
      const due = Math.floor((now - this.#lastTickAt) / this.#tickMs);
      this.#lastTickAt = due > ticksAtOnceMax ? now : this.#lastTickAt + due * this.#tickMs;
      this.#guarded(({ core, storage }) => {
        this.#disk.check(core, storage);
        for (let i = 0; i < Math.min(due, ticksAtOnceMax); i++) core.tick();
        // Not at each tick: an idle member would make garbage of nothing but its own numbers.
        if (now - this.#measuredAt < measureEveryMs) return;
        this.#measuredAt = now;
        storage.verify();
        this.#metrics.state(this.status());
        this.#metrics.queues(this.#requests, storage.waiting());
      });
      this.#requests.expire();
      this.#run();
      if (this.#isLive()) this.#scheduleTick();
    });
  }

  /** What could not travel is known not to have arrived. */
  #dropped(peerId: string, messages: readonly Message[]): void {
    this.#enter(({ core }) => {
      for (const message of messages) {
        if (message.type === 'append') core.reportUnreachable(peerId);
        else if (message.type === 'snapshot') core.reportSnapshot(peerId, false);
        else if (message.type === 'propose') this.#requests.refused(message.request, 'not-leader');
      }
    });
  }

  #lost(peerId: string): void {
    this.#enter(({ core }) => {
      core.reportUnreachable(peerId);
      core.reportSnapshot(peerId, false);
      const { term } = core.status();
      const campaign = (): void => this.#enter((now) => now.core.campaign());
      if (this.#takeover.lost(core, peerId, campaign)) this.#requests.leaderLost(term);
    });
  }

  /** Work is done once per turn of the event loop, so that everything that came in shares a write and a message. */
  #schedule(): void {
    if (this.#scheduled || !this.#isLive()) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#run();
    });
  }

  #run(): void {
    this.#guarded((parts) => {
      const { core } = parts;
      const canSend = (id: string): boolean => this.#transport.canSend(id);
      const hasMore = this.#requests.askWaiting(core, canSend);
      while (this.#isLive() && (core.hasReady() || core.hasCommitted())) {
        this.#handle(parts, core.ready());
      }
      if (hasMore) this.#schedule();
      const local = { diskFull: this.#disk.isFull, replaced: this.#replacedAt.size > 0 };
      const status = core.status();
      if (this.#board.isNews(status, local)) {
        this.#board.report(this.status(), status);
        this.#requests.leaderChanged();
        this.#schedule();
      }
    });
  }

  #handle(parts: Parts, ready: Ready): void {
    const { core, snapshotter } = parts;
    this.#requests.leaving(ready.messages);
    this.#transport.send(
      ready.messages.filter(
        (message) => message.type !== 'snapshot' || snapshotter.canSend(message),
      ),
    );
    this.#write(parts, ready);
    this.#requests.answered(ready, core);
    this.#apply(parts, core.takeCommitted());
  }

  #write({ core, storage, snapshotter, hardState }: Parts, ready: Ready): void {
    const { snapshot, entries, mark, mustSync, messagesAfterSync } = ready;
    if (snapshot !== undefined) this.#requests.overtaken();
    if (!mustSync && messagesAfterSync.length === 0) return;
    storage.append(
      { snapshot, entries, hardState: hardState.toWrite(core.status(), mustSync) },
      () => {
        this.#enter(() => {
          // That it is on disk can be told before the state machine has it; only applying waits for that.
          if (mark !== undefined) core.persisted({ ...mark, snapshotIndex: undefined });
          if (mark !== undefined && snapshot !== undefined) {
            snapshotter.install(mark, () => {
              this.#requests.applied(core, []);
              this.#connectPeers(core, 'any');
            });
          }
          this.#deliver(core, messagesAfterSync);
        });
      },
    );
  }

  #deliver(core: RaftCore, messages: readonly Message[]): void {
    const { id } = this.#options;
    this.#transport.send(messages.filter((message) => message.to !== id));
    for (const message of messages) if (message.to === id) core.step(message);
  }

  #apply({ core, machine, snapshotter }: Parts, entries: readonly Entry[]): void {
    const last = entries.at(-1);
    if (last === undefined) return;
    for (const entry of entries) {
      const { index, term, kind } = entry;
      if (kind === 'command') {
        machine.apply({ index, term, command: this.#requests.commandOf(entry) });
      }
      if (index % checkEntries === 0) core.stateChecked({ index, checksum: machine.checksum() });
    }
    core.applied(last.index);
    this.#requests.applied(core, entries);
    if (entries.some(({ kind }) => kind === 'config')) {
      const { configuration } = core.status();
      this.#options.logger.info('configuration in force', { index: last.index, ...configuration });
      this.#connectPeers(core, removedBy(entries));
    }
    snapshotter.applied(entries);
  }
}
