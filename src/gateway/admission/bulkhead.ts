/** One bulkhead: its compartments, made when they are needed and dropped when nobody uses them, and how a request gets in. */
import type { Clock } from '../../std/index.ts';
import type { BulkheadPolicy } from '../policies.ts';
import { Compartment } from './core/compartment.ts';
import { Pacer } from './core/pacer.ts';
import type { AdmissionMetrics } from './metrics.ts';

/** Compartments of one bulkhead; with so many in use nobody else gets in. */
export const COMPARTMENTS_MAX = 4_096;
/** After so long without anybody in it a compartment may be dropped, with what it has learnt. */
const IDLE_MS = 60_000;
/** Compartments looked at for every one that is made, so that idle ones do not stay. */
const LOOKED_AT = 8;

export type RejectReason = 'full' | 'wait' | 'shed' | 'compartments';

/** A place, or several, inside a compartment. */
export interface Place {
  /** Gives it back; more often does no harm. */
  leave(): void;
  /** Resolves when `bytes` of the answer may go; rejects when the signal aborts. */
  readonly pacer: Pacer;
}

export type Entry =
  | { readonly type: 'entered'; readonly place: Place }
  | { readonly type: 'rejected'; readonly reason: RejectReason; readonly retryAfterMs?: number };

interface Cell {
  readonly compartment: Compartment;
  readonly pacer: Pacer;
}

/** Whoever stands in the line, and what it is told. */
interface Ticket {
  admit(): void;
  refuse(reason: RejectReason): void;
}

export class Bulkhead {
  #policy: BulkheadPolicy;
  readonly #tools: { readonly clock: Clock; readonly metrics: AdmissionMetrics };
  readonly #cells = new Map<string, Cell>();
  #sweep: MapIterator<string> | undefined;
  #inUse = 0;
  #queued = 0;

  constructor(policy: BulkheadPolicy, clock: Clock, metrics: AdmissionMetrics) {
    this.#policy = policy;
    this.#tools = { clock, metrics };
    this.#show();
  }

  get policy(): BulkheadPolicy {
    return this.#policy;
  }

  /** The same bulkhead by other rules; whoever is inside stays inside. */
  configure(policy: BulkheadPolicy): void {
    this.#policy = policy;
    const now = this.#tools.clock.monotonic();
    for (const { compartment } of this.#cells.values()) this.#admit(compartment.admit(now));
  }

  /** The resource does not name it any more. */
  remove(): void {
    const { metrics } = this.#tools;
    const labels = { bulkhead: this.#policy.name };
    for (const gauge of [metrics.inUse, metrics.queued, metrics.compartments]) gauge.remove(labels);
  }

  /** Rejects only with the signal's reason, when it aborts while the request waits. */
  async enter(key: string, count: number, signal: AbortSignal): Promise<Entry> {
    const { clock, metrics } = this.#tools;
    const now = clock.monotonic();
    const cell = this.#cell(key, now);
    if (cell === undefined) return { type: 'rejected', reason: 'compartments' };
    const { compartment } = cell;
    const line = Promise.withResolvers<RejectReason | undefined>();
    const ticket: Ticket = { admit: () => line.resolve(undefined), refuse: line.resolve };
    const entered = compartment.enter(now, ticket, count);
    if (entered.type === 'full') return this.#reject(compartment, 'full');
    if (entered.type === 'waits') {
      (entered.instead as Ticket | undefined)?.refuse('shed');
      const reason = await this.#wait(compartment, ticket, {
        ...{ line: line.promise, waitMs: entered.waitMs, signal },
      });
      if (reason !== undefined) return this.#reject(compartment, reason);
      const waitedMs = clock.monotonic() - now;
      metrics.wait.observe(waitedMs / 1_000, { bulkhead: this.#policy.name });
    }
    return { type: 'entered', place: this.#place(cell, count) };
  }

  async #wait(
    compartment: Compartment,
    ticket: Ticket,
    options: {
      readonly line: Promise<RejectReason | undefined>;
      readonly waitMs: number;
      readonly signal: AbortSignal;
    },
  ): Promise<RejectReason | undefined> {
    const { signal } = options;
    this.#count(0, 1);
    const cancel = this.#tools.clock.schedule(options.waitMs, () => {
      if (compartment.withdraw(ticket)) ticket.refuse('wait');
    });
    const onAbort = (): void => {
      if (compartment.withdraw(ticket)) ticket.refuse('wait');
    };
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    const reason = await options.line;
    cancel();
    signal.removeEventListener('abort', onAbort);
    this.#count(0, -1);
    if (!signal.aborted) return reason;
    // Left while it waited, or just when it got its place.
    if (reason === undefined) this.#admit(compartment.leave(this.#tools.clock.monotonic(), 0));
    throw signal.reason;
  }

  #place({ compartment, pacer }: Cell, count: number): Place {
    const { clock } = this.#tools;
    const enteredAt = clock.monotonic();
    let left = false;
    this.#count(count, 0);
    return {
      pacer,
      leave: () => {
        if (left) return;
        left = true;
        this.#count(-count, 0);
        const now = clock.monotonic();
        this.#admit(compartment.leave(now, now - enteredAt, count));
      },
    };
  }

  #admit(entering: readonly object[]): void {
    for (const ticket of entering) (ticket as Ticket).admit();
  }

  #reject(compartment: Compartment, reason: RejectReason): Entry {
    const retryAfterMs = compartment.expectedWaitMs(this.#tools.clock.monotonic());
    return { type: 'rejected', reason, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
  }

  #cell(key: string, now: number): Cell | undefined {
    const known = this.#cells.get(key);
    if (known !== undefined) return known;
    this.#dropIdle(now);
    if (this.#cells.size >= COMPARTMENTS_MAX) return undefined;
    const cell = { compartment: new Compartment(() => this.#policy, now), pacer: new Pacer() };
    this.#cells.set(key, cell);
    this.#show();
    return cell;
  }

  /** A few at a time, round and round; all of them when there is no room left. */
  #dropIdle(now: number): void {
    const full = this.#cells.size >= COMPARTMENTS_MAX;
    const idleMs = full ? 0 : IDLE_MS;
    for (let looked = 0; looked < (full ? COMPARTMENTS_MAX : LOOKED_AT); looked++) {
      this.#sweep ??= this.#cells.keys();
      const { value: key, done } = this.#sweep.next();
      if (done === true || key === undefined) this.#sweep = undefined;
      else if (this.#cells.get(key)?.compartment.idle(now, idleMs) === true)
        this.#cells.delete(key);
    }
  }

  #count(inUse: number, queued: number): void {
    this.#inUse += inUse;
    this.#queued += queued;
    this.#show();
  }

  #show(): void {
    const labels = { bulkhead: this.#policy.name };
    const { metrics } = this.#tools;
    metrics.inUse.set(this.#inUse, labels);
    metrics.queued.set(this.#queued, labels);
    metrics.compartments.set(this.#cells.size, labels);
  }
}
