/** Changes of the configuration on their way: each carries a mark by which this node finds it again when it is applied. */
import {
  isJoint,
  type ConfigChange,
  type Configuration,
  type RefusalReason,
} from './core/index.ts';
import { RaftError, type RaftErrorCode } from './errors.ts';
import { requestsBefore } from './proposals.ts';

/** Requests of changes are numbered apart from those of proposals. */
const FIRST_REQUEST = 2 ** 40;
const WAITING_MAX = 16;
/** Refusals that pass by themselves, or with the next leader. */
const AGAIN: ReadonlySet<RefusalReason> = new Set([
  'not-leader',
  'term-uncommitted',
  'transferring',
  'removed',
  'overloaded',
]);
/** A leader puts an empty entry in the place of a change that it refuses: it must not be asked at every turn. */
const AGAIN_AFTER_MS = 20;

interface Waiting {
  readonly change: ConfigChange;
  readonly request: number;
  readonly resolve: () => void;
  readonly reject: (error: RaftError) => void;
  readonly deadline: number;
  /** The term of the leader it was sent to; undefined while it waits to be sent. */
  sentTerm: number | undefined;
  /** Not sent before, after a refusal. */
  notBefore: number;
  /** It is applied; what remains is to leave the joint configuration. */
  applied: boolean;
}

export class Changes {
  readonly #prefix: string;
  readonly #timeoutMs: number;
  readonly #waiting = new Map<number, Waiting>();
  #lastRequest: number;

  /** `prefix` makes marks unique among all processes; `instance` are the 8 random bytes of this one. */
  constructor(prefix: string, instance: Uint8Array, timeoutMs: number) {
    this.#prefix = prefix;
    this.#lastRequest = FIRST_REQUEST + requestsBefore(instance);
    this.#timeoutMs = timeoutMs;
  }

  /** Resolves when the change is in force here. */
  add(change: ConfigChange, now: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted === true) return Promise.reject(new RaftError('timeout', 'not-applied'));
    if (this.#waiting.size >= WAITING_MAX) {
      return Promise.reject(new RaftError('overloaded', 'not-applied'));
    }
    this.#lastRequest += 1;
    const request = this.#lastRequest;
    return new Promise((resolve, reject) => {
      const onAbort = (): void => this.#fail(request, 'timeout');
      const settled = (): void => signal?.removeEventListener('abort', onAbort);
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#waiting.set(request, {
        change: { ...change, context: `${this.#prefix}/${request - FIRST_REQUEST}` },
        request,
        resolve() {
          settled();
          resolve();
        },
        reject(error) {
          settled();
          reject(error);
        },
        deadline: now + this.#timeoutMs,
        sentTerm: undefined,
        notBefore: now,
        applied: false,
      });
    });
  }

  /** What is to be proposed to the leader now. */
  unsent(now: number): readonly { readonly request: number; readonly change: ConfigChange }[] {
    if (this.#waiting.size === 0) return [];
    return [...this.#waiting.values()].filter(
      ({ sentTerm, notBefore }) => sentTerm === undefined && notBefore <= now,
    );
  }

  sent(request: number, term: number): void {
    const waiting = this.#waiting.get(request);
    if (waiting !== undefined) waiting.sentTerm = term;
  }

  /** The leader refused; true when the request was one of these. */
  refused(request: number, reason: RefusalReason, now: number): boolean {
    const waiting = this.#waiting.get(request);
    if (waiting === undefined) return request > FIRST_REQUEST;
    // Another leader may take it, or the same one soon; there is time until the deadline.
    if (AGAIN.has(reason)) {
      waiting.sentTerm = undefined;
      waiting.notBefore = now + AGAIN_AFTER_MS;
    } else {
      this.#fail(request, reason, 'not-applied');
    }
    return true;
  }

  /** A change was applied here, or the configuration came with a snapshot (no change then). */
  applied(change: ConfigChange | undefined, now: Configuration, term: number): void {
    const joint = isJoint(now);
    for (const waiting of this.#waiting.values()) {
      if (change?.context !== undefined && change.context === waiting.change.context) {
        waiting.applied = true;
      }
      const leftByItself = waiting.change.transition !== 'joint-explicit';
      if (waiting.applied && !(joint && leftByItself)) {
        this.#waiting.delete(waiting.request);
        waiting.resolve();
      } else if (!waiting.applied && waiting.sentTerm !== undefined && waiting.sentTerm < term) {
        // An entry of a later term is applied: what did not come before it never will.
        this.#fail(waiting.request, 'dropped', 'not-applied');
      }
    }
  }

  expire(now: number): void {
    for (const { request, deadline, sentTerm } of this.#waiting.values()) {
      if (deadline <= now) this.#fail(request, sentTerm === undefined ? 'no-leader' : 'timeout');
    }
  }

  failAll(): void {
    for (const request of this.#waiting.keys()) this.#fail(request, 'stopped');
  }

  #fail(request: number, code: RaftErrorCode, outcome?: 'not-applied'): void {
    const waiting = this.#waiting.get(request);
    if (!this.#waiting.delete(request) || waiting === undefined) return;
    const known = waiting.sentTerm === undefined ? 'not-applied' : 'unknown';
    waiting.reject(new RaftError(code, outcome ?? known));
  }
}
