/** What callers wait for on this node: proposals, changes of the configuration and reads, from the call to its end. */
import { Changes } from './changes.ts';
import {
  createLeaderLease,
  decodeConfigChange,
  type ConfigChange,
  type Entry,
  type Message,
  type RaftCore,
  type Ready,
  type RefusalReason,
} from './core/index.ts';
import { RaftError } from './errors.ts';
import { leaseMs, LIMITS } from './limits.ts';
import { Proposals } from './proposals.ts';
import { Reads } from './reads.ts';
import type { RaftNodeOptions } from './types.ts';

export class Requests {
  readonly #options: RaftNodeOptions;
  readonly #proposals: Proposals;
  readonly #changes: Changes;
  readonly #reads: Reads;
  /** A leader that takes no proposals for now. */
  #held: { readonly leaderId: string; readonly term: number; readonly until: number } | undefined;
  readonly #lease: ReturnType<typeof createLeaderLease> | undefined;

  /** `instance` distinguishes this process from every other one: 8 random bytes. */
  constructor(options: RaftNodeOptions, instance: Uint8Array) {
    const { id, timing } = options;
    const { requestTimeoutMs: timeoutMs, proposalsMax, proposalBytesMax, readersMax } = LIMITS;
    const prefix = `${id}/${Buffer.from(instance).toString('hex')}`;
    this.#options = options;
    this.#proposals = new Proposals(instance, {
      countMax: proposalsMax,
      bytesMax: proposalBytesMax,
      timeoutMs,
    });
    this.#changes = new Changes(prefix, instance, timeoutMs);
    this.#reads = new Reads(prefix, { countMax: readersMax, timeoutMs });
    if (options.reads === 'lease') {
      this.#lease = createLeaderLease(leaseMs(timing));
    }
  }

  get proposalsWaiting(): number {
    return this.#proposals.waiting;
  }

  /** How many proposals ended since the last call, and how. */
  takeEnded(): ReadonlyMap<string, number> {
    return this.#proposals.takeEnded();
  }

  get readsWaiting(): number {
    return this.#reads.waiting;
  }

  propose(command: Uint8Array, signal?: AbortSignal): Promise<{ index: number; term: number }> {
    if (command.length > LIMITS.commandBytesMax) {
      return Promise.reject(
        new RangeError(`a command has at most ${LIMITS.commandBytesMax} bytes`),
      );
    }
    return this.#proposals.add(command, this.#now(), signal);
  }

  change(change: ConfigChange, signal?: AbortSignal): Promise<void> {
    return this.#changes.add(change, this.#now(), signal);
  }

  read(core: RaftCore | undefined, signal?: AbortSignal): Promise<void> {
    if (core?.status().divergent === true) {
      return Promise.reject(new RaftError('divergent', 'not-applied'));
    }
    return this.#reads.add(this.#now(), signal);
  }

  /**
   * Gives what waits to the core, as far as it takes it; `canSend` says whether the leader can be reached. True when more can
   * be given in the next turn of the event loop.
   */
  askWaiting(core: RaftCore, canSend: (id: string) => boolean): boolean {
    const { leaderId, term } = core.status();
    if (leaderId === undefined) return false;
    // What is handed to a stream that is not there would be lost without anyone knowing.
    if (leaderId !== this.#options.id && !canSend(leaderId)) return false;
    this.#change(core, term);
    this.#readAll(core);
    return !this.#isHeld(leaderId, term) && this.#propose(core, term);
  }

  #readAll(core: RaftCore): void {
    for (;;) {
      const context = this.#reads.next();
      if (context === undefined) return;
      const now = this.#now();
      if (this.#leaseCovers(core, now)) {
        const { commitIndex, appliedIndex } = core.status();
        this.#reads.asked(context, now);
        this.#reads.answered(context, commitIndex, appliedIndex);
      } else {
        if (!core.readIndex(context)) return;
        this.#reads.asked(context, now);
      }
    }
  }

  /** A leader that hands over refuses until another one leads, or it has given that up. */
  #isHeld(leaderId: string, term: number): boolean {
    const held = this.#held;
    if (held === undefined) return false;
    const same = held.leaderId === leaderId && held.term === term && this.#now() < held.until;
    if (!same) this.#held = undefined;
    return same;
  }

  #change(core: RaftCore, term: number): void {
    for (const { request, change } of this.#changes.unsent(this.#now())) {
      const result = core.proposeConfig(change, request);
      if (result === 'no-leader') break;
      this.#changes.sent(request, term);
      if (result !== 'appended' && result !== 'forwarded') {
        this.#changes.refused(request, result, this.#now());
      }
    }
  }

  /** One batch; true when it was taken and more wait. */
  #propose(core: RaftCore, term: number): boolean {
    const batch = this.#proposals.next(LIMITS.proposeBytesMax);
    if (batch === undefined) return false;
    const result = core.propose(batch.commands, batch.request);
    if (result !== 'appended' && result !== 'forwarded') {
      this.#proposals.returned(batch.request);
      return false;
    }
    this.#proposals.accepted(batch.request, term);
    return this.#proposals.hasUnsent;
  }

  #leaseCovers(core: RaftCore, now: number): boolean {
    if (this.#lease === undefined) return false;
    const { term, mayLease } = core.status();
    if (!mayLease) return false;
    this.#lease.confirmed(term, core.confirmedRound());
    return this.#lease.isValid(term, now);
  }

  /** These are about to leave: a lease counts from before its heartbeats did. */
  leaving(messages: readonly Message[]): void {
    if (this.#lease === undefined) return;
    for (const message of messages) {
      if (message.type === 'heartbeat') {
        this.#lease.sent(message.term, message.round, this.#now());
      }
    }
  }

  /** What the leader, or the own core, said to earlier requests. */
  answered({ readStates, refusals }: Ready, core: RaftCore): void {
    const { leaderId, term, appliedIndex } = core.status();
    for (const { request, reason } of refusals) {
      this.refused(request, reason);
      if (leaderId !== undefined && (reason === 'transferring' || reason === 'removed')) {
        const until = this.#now() + this.#options.timing.heartbeatIntervalMs;
        this.#held = { leaderId, term, until };
      }
    }
    for (const { context, index } of readStates) {
      this.#reads.answered(context, index, appliedIndex);
    }
  }

  refused(request: number, reason: RefusalReason): void {
    const isChange = this.#changes.refused(request, reason, this.#now());
    if (!isChange) this.#proposals.returned(request);
  }

  /** The command in an entry's data. */
  commandOf(entry: Entry): Uint8Array {
    return this.#proposals.split(entry.data);
  }

  /** These entries are applied here, and what is in force now is in force. */
  applied(core: RaftCore, entries: readonly Entry[]): void {
    for (const entry of entries) this.#proposals.applied(entry);
    const { appliedIndex, appliedTerm, configuration } = core.status();
    for (const { kind, data } of entries) {
      if (kind === 'config') {
        this.#changes.applied(decodeConfigChange(data), configuration, appliedTerm);
      }
    }
    this.#changes.applied(undefined, configuration, appliedTerm);
    this.#reads.applied(appliedIndex);
  }

  /** A snapshot came, which takes the place of entries: what was on its way before may be among them. */
  overtaken(): void {
    this.#proposals.overtaken();
  }

  /** The connection to the leader of `term` broke: what it had is given up sooner, unless a new term decides it. */
  leaderLost(term: number): void {
    const { max } = this.#options.timing.electionTimeoutMs;
    this.#proposals.linkLost(term, this.#now() + 4 * max);
  }

  /** The leader changed: who was asked may not answer any more. */
  leaderChanged(): void {
    this.#reads.askAgain();
  }

  expire(): void {
    const now = this.#now();
    this.#proposals.expire(now);
    this.#changes.expire(now);
    this.#reads.expire(now, 4 * this.#options.timing.heartbeatIntervalMs);
  }

  failAll(): void {
    this.#proposals.failAll();
    this.#changes.failAll();
    this.#reads.failAll();
  }

  #now(): number {
    return this.#options.clock.monotonic();
  }
}
