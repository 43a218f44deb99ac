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
import { LIMITS } from './limits.ts';
import { Proposals } from './proposals.ts';
import { Reads } from './reads.ts';
import type { RaftNodeOptions } from './types.ts';

export class Requests {
  readonly #options: RaftNodeOptions;
  readonly #proposals: Proposals;
  readonly #changes: Changes;
  readonly #reads: Reads;
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
    this.#changes = new Changes(prefix, timeoutMs);
    this.#reads = new Reads(prefix, { countMax: readersMax, timeoutMs });
    if (options.reads === 'lease') {
      this.#lease = createLeaderLease(timing.electionTimeoutMs.min);
    }
  }

  get proposalsWaiting(): number {
    return this.#proposals.waiting;
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

  /** Gives what waits to the core, as far as it takes it; `canSend` says whether the leader can be reached. */
  askWaiting(core: RaftCore, canSend: (id: string) => boolean): void {
    const { leaderId, term } = core.status();
    if (leaderId === undefined) return;
    // What is handed to a stream that is not there would be lost without anyone knowing.
    if (leaderId !== this.#options.id && !canSend(leaderId)) return;
    this.#propose(core, term);
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

  #propose(core: RaftCore, term: number): void {
    for (const { request, change } of this.#changes.unsent()) {
      const result = core.proposeConfig(change, request);
      if (result === 'no-leader') break;
      this.#changes.sent(request, term);
      if (result !== 'appended' && result !== 'forwarded') this.#changes.refused(request, result);
    }
    for (;;) {
      const batch = this.#proposals.next(LIMITS.appendBytesMax);
      if (batch === undefined) return;
      const result = core.propose(batch.commands, batch.request);
      if (result !== 'appended' && result !== 'forwarded') {
        return this.#proposals.returned(batch.request);
      }
      this.#proposals.accepted(batch.request, term);
    }
  }

  #leaseCovers(core: RaftCore, now: number): boolean {
    if (this.#lease === undefined) return false;
    const { role, term, isEstablished, transferee } = core.status();
    if (role !== 'leader' || transferee !== undefined) this.#lease.revoke();
    else this.#lease.confirmed(term, core.confirmedRound());
    return isEstablished && this.#lease.isValid(term, now);
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
  answered({ readStates, refusals }: Ready, appliedIndex: number): void {
    for (const { request, reason } of refusals) this.refused(request, reason);
    for (const { context, index } of readStates) {
      this.#reads.answered(context, index, appliedIndex);
    }
  }

  refused(request: number, reason: RefusalReason): void {
    if (!this.#changes.refused(request, reason)) this.#proposals.returned(request);
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

  /** A snapshot took the place of entries: what was on its way may be among them. */
  overtaken(core: RaftCore): void {
    this.#proposals.overtaken();
    this.applied(core, []);
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
