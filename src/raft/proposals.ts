/**
 * Proposals on their way: each carries an id, so that `propose` can resolve on the node that asked when its entry is applied
 * there. A proposal sent to the leader of a term can enter the log only in that term; once an entry of a later term is
 * applied, one that did not appear never will, and is sent again.
 */
import { RaftError, type RaftErrorCode } from './errors.ts';

const INSTANCE_BYTES = 8;
const ID_BYTES = INSTANCE_BYTES + 6;

export interface ProposalLimits {
  readonly countMax: number;
  readonly bytesMax: number;
  readonly timeoutMs: number;
}

interface Position {
  readonly index: number;
  readonly term: number;
}

/** One call that waits; a class, and no closures, for there may be a hundred thousand of them in a second. */
class Proposal {
  readonly number: number;
  readonly data: Uint8Array;
  deadline: number;
  /** The batch it was sent in and the term of the leader it was sent to; undefined while it waits to be sent. */
  sent: { readonly request: number; readonly term: number } | undefined = undefined;
  isSettled = false;
  resolve: (at: Position) => void = () => undefined;
  reject: (error: RaftError) => void = () => undefined;
  signal: AbortSignal | undefined = undefined;
  onAbort: (() => void) | undefined = undefined;

  constructor(number: number, data: Uint8Array, deadline: number) {
    this.number = number;
    this.data = data;
    this.deadline = deadline;
  }
}

/**
 * Where a process begins to number its requests: elsewhere than the one before it, or a late refusal of what that one had asked
 * would be taken for a refusal of something of this one, which would then enter the log twice. Below 2^39.
 */
export function requestsBefore(instance: Uint8Array): number {
  return Buffer.from(instance).readUInt32BE(0) * 128;
}

export class Proposals {
  readonly #instance: Uint8Array;
  readonly #limits: ProposalLimits;
  readonly #pending = new Map<number, Proposal>();
  readonly #batches = new Map<number, readonly Proposal[]>();
  /** What is to be sent lies from `#head` on. */
  #queue: Proposal[] = [];
  #head = 0;
  #bytes = 0;
  #ended = new Map<string, number>();
  #lastNumber = 0;
  #lastRequest: number;
  #appliedTerm = 0;

  /** `instance` distinguishes this process from every other one: 8 random bytes. */
  constructor(instance: Uint8Array, limits: ProposalLimits) {
    this.#instance = instance;
    this.#limits = limits;
    this.#lastRequest = requestsBefore(instance);
  }

  /** True when some are to be sent. */
  get hasUnsent(): boolean {
    return this.#head < this.#queue.length;
  }

  /** How many ended since the last call, and how: `applied`, or the code of the error. */
  takeEnded(): ReadonlyMap<string, number> {
    const ended = this.#ended;
    this.#ended = new Map();
    return ended;
  }

  /** Proposals that are not settled yet. */
  get waiting(): number {
    return this.#pending.size;
  }

  /** Queues a command; rejects with `overloaded` when too many wait. */
  add(command: Uint8Array, now: number, signal?: AbortSignal): Promise<Position> {
    const { countMax, bytesMax, timeoutMs } = this.#limits;
    if (signal?.aborted === true) return Promise.reject(new RaftError('timeout', 'not-applied'));
    if (this.#pending.size >= countMax || this.#bytes + command.length > bytesMax) {
      this.#count('overloaded');
      return Promise.reject(new RaftError('overloaded', 'not-applied'));
    }
    this.#lastNumber += 1;
    const proposal = new Proposal(
      this.#lastNumber,
      this.#withId(this.#lastNumber, command),
      now + timeoutMs,
    );
    const result = new Promise<Position>((resolve, reject) => {
      proposal.resolve = resolve;
      proposal.reject = reject;
    });
    if (signal !== undefined) {
      proposal.signal = signal;
      proposal.onAbort = () => this.#fail(proposal, 'timeout');
      signal.addEventListener('abort', proposal.onAbort, { once: true });
    }
    this.#pending.set(proposal.number, proposal);
    this.#bytes += proposal.data.length;
    this.#queue.push(proposal);
    return result;
  }

  /** The next batch to propose, oldest first, of at most `bytesMax` but at least one; undefined when nothing waits. */
  next(
    bytesMax: number,
  ): { readonly request: number; readonly commands: Uint8Array[] } | undefined {
    const batch: Proposal[] = [];
    const commands: Uint8Array[] = [];
    let size = 0;
    for (; this.#head < this.#queue.length; this.#head++) {
      const proposal = this.#queue[this.#head] as Proposal;
      if (proposal.isSettled) continue;
      size += proposal.data.length;
      if (batch.length > 0 && size > bytesMax) break;
      batch.push(proposal);
      commands.push(proposal.data);
    }
    if (this.#head === this.#queue.length) {
      this.#queue = [];
      this.#head = 0;
    }
    if (batch.length === 0) return undefined;
    this.#lastRequest += 1;
    this.#batches.set(this.#lastRequest, batch);
    return { request: this.#lastRequest, commands };
  }

  /** The core took the batch, for the leader of `term`. */
  accepted(request: number, term: number): void {
    const sent = { request, term };
    for (const proposal of this.#batches.get(request) ?? []) proposal.sent = sent;
  }

  /** The batch was refused as a whole: it goes back to the front of the queue. */
  returned(request: number): void {
    const batch = this.#batches.get(request) ?? [];
    this.#batches.delete(request);
    this.#requeue(batch);
  }

  /** The command in an entry's data, without the id. */
  split(data: Uint8Array): Uint8Array {
    return data.length < ID_BYTES ? data : data.subarray(ID_BYTES);
  }

  /** An entry was applied on this node: resolves the proposal, if it is one of ours. */
  applied({ index, term, data }: Position & { readonly data: Uint8Array }): void {
    if (term > this.#appliedTerm) this.#enterTerm(term);
    const number = this.#ownNumber(data);
    const proposal = number === undefined ? undefined : this.#pending.get(number);
    if (proposal === undefined) return;
    // A batch enters the log as a whole: it cannot be refused any more.
    if (proposal.sent !== undefined) this.#batches.delete(proposal.sent.request);
    this.#forget(proposal);
    this.#count('applied');
    proposal.resolve({ index, term });
  }

  #count(end: string): void {
    this.#ended.set(end, (this.#ended.get(end) ?? 0) + 1);
  }

  /** A snapshot took the place of entries: what was sent may be among them, and nobody here will see it. */
  overtaken(): void {
    for (const proposal of this.#pending.values()) {
      if (proposal.sent !== undefined) this.#fail(proposal, 'dropped');
    }
  }

  /** The connection to the leader of `term` broke: what it was sent is given up at `deadline`, unless a new term decides it. */
  linkLost(term: number, deadline: number): void {
    for (const proposal of this.#pending.values()) {
      if (proposal.sent?.term !== term) continue;
      proposal.deadline = Math.min(proposal.deadline, deadline);
    }
  }

  /** Rejects what has waited too long. */
  expire(now: number): void {
    for (const proposal of this.#pending.values()) {
      if (proposal.deadline > now) continue;
      this.#fail(proposal, proposal.sent === undefined ? 'no-leader' : 'timeout');
    }
    for (const [request, batch] of this.#batches) {
      if (!batch.some(({ number }) => this.#pending.has(number))) this.#batches.delete(request);
    }
  }

  failAll(): void {
    for (const proposal of this.#pending.values()) this.#fail(proposal, 'stopped');
  }

  #fail(proposal: Proposal, code: RaftErrorCode): void {
    if (!this.#forget(proposal)) return;
    this.#count(code);
    proposal.reject(new RaftError(code, proposal.sent === undefined ? 'not-applied' : 'unknown'));
  }

  #forget(proposal: Proposal): boolean {
    if (!this.#pending.delete(proposal.number)) return false;
    this.#bytes -= proposal.data.length;
    proposal.isSettled = true;
    if (proposal.onAbort !== undefined)
      proposal.signal?.removeEventListener('abort', proposal.onAbort);
    return true;
  }

  /** An entry of a later term is applied: what was sent in earlier terms can no longer enter the log. */
  #enterTerm(term: number): void {
    this.#appliedTerm = term;
    const lost = [...this.#pending.values()].filter(
      ({ sent }) => sent !== undefined && sent.term < term,
    );
    for (const { sent } of lost) if (sent !== undefined) this.#batches.delete(sent.request);
    this.#requeue(lost);
  }

  #requeue(proposals: readonly Proposal[]): void {
    const again = proposals.filter((proposal) => this.#pending.has(proposal.number));
    for (const proposal of again) proposal.sent = undefined;
    this.#queue = [...again, ...this.#queue.slice(this.#head)];
    this.#head = 0;
  }

  #withId(number: number, command: Uint8Array): Uint8Array {
    const data = Buffer.allocUnsafe(ID_BYTES + command.length);
    data.set(this.#instance, 0);
    data.writeUIntBE(number, INSTANCE_BYTES, 6);
    data.set(command, ID_BYTES);
    return data;
  }

  /** By hand: this is asked of every entry that is applied, and views of buffers cost more than the comparison. */
  #ownNumber(data: Uint8Array): number | undefined {
    if (data.length < ID_BYTES) return undefined;
    for (let i = 0; i < INSTANCE_BYTES; i++) if (data[i] !== this.#instance[i]) return undefined;
    let number = 0;
    for (let i = INSTANCE_BYTES; i < ID_BYTES; i++) number = number * 256 + (data[i] as number);
    return number;
  }
}
