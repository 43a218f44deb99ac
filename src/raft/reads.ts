/** Linearizable reads on their way: callers share a question, and wait until this node has applied what the answer names. */
import { RaftError } from './errors.ts';

/** Questions under way at once; later callers share the next one. */
const QUESTIONS_MAX = 2;

interface Reader {
  readonly resolve: () => void;
  readonly reject: (error: RaftError) => void;
  readonly deadline: number;
}

export class Reads {
  readonly #prefix: string;
  readonly #limits: { readonly countMax: number; readonly timeoutMs: number };
  readonly #live = new Set<Reader>();
  readonly #questions = new Map<string, { readers: Reader[]; askedAt: number }>();
  #fresh = new Set<Reader>();
  #answers: { readonly index: number; readonly readers: readonly Reader[] }[] = [];
  #lastQuestion = 0;

  /** `prefix` makes contexts unique among all processes. */
  constructor(prefix: string, limits: { readonly countMax: number; readonly timeoutMs: number }) {
    this.#prefix = prefix;
    this.#limits = limits;
  }

  get waiting(): number {
    return this.#live.size;
  }

  /** Resolves when everything committed before the call is applied here. */
  add(now: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted === true) return Promise.reject(new RaftError('timeout', 'not-applied'));
    if (this.#live.size >= this.#limits.countMax) {
      return Promise.reject(new RaftError('overloaded', 'not-applied'));
    }
    return new Promise((resolve, reject) => {
      const onAbort = (): void => this.#settle(reader, new RaftError('timeout', 'not-applied'));
      const settled = (): void => signal?.removeEventListener('abort', onAbort);
      const reader: Reader = {
        resolve() {
          settled();
          resolve();
        },
        reject(error) {
          settled();
          reject(error);
        },
        deadline: now + this.#limits.timeoutMs,
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#live.add(reader);
      this.#fresh.add(reader);
    });
  }

  /** The context of a question to ask now, or undefined; call `asked` when that could be done. */
  next(): string | undefined {
    if (this.#fresh.size === 0 || this.#questions.size >= QUESTIONS_MAX) return undefined;
    return `${this.#prefix}/${this.#lastQuestion + 1}`;
  }

  asked(context: string, now: number): void {
    this.#lastQuestion += 1;
    this.#questions.set(context, { readers: [...this.#fresh], askedAt: now });
    this.#fresh = new Set();
  }

  /** The question `context` is answered: its readers may go on once `index` is applied. */
  answered(context: string, index: number, appliedIndex: number): void {
    const question = this.#questions.get(context);
    if (question === undefined) return;
    this.#questions.delete(context);
    this.#answers.push({ index, readers: question.readers });
    this.applied(appliedIndex);
  }

  applied(appliedIndex: number): void {
    if (this.#answers.length === 0) return;
    const due = this.#answers.filter(({ index }) => index <= appliedIndex);
    this.#answers = this.#answers.filter(({ index }) => index > appliedIndex);
    for (const { readers } of due) for (const reader of readers) this.#settle(reader);
  }

  /** Gives up readers whose time is over, and asks again what was not answered within `retryMs`. */
  expire(now: number, retryMs: number): void {
    for (const [context, { askedAt }] of this.#questions) {
      if (askedAt + retryMs <= now) this.#withdraw(context);
    }
    for (const reader of this.#live) {
      if (reader.deadline <= now) this.#settle(reader, new RaftError('no-leader', 'not-applied'));
    }
  }

  /** The leader changed: who was asked may not answer any more. */
  askAgain(): void {
    for (const context of this.#questions.keys()) this.#withdraw(context);
  }

  #withdraw(context: string): void {
    const readers = this.#questions.get(context)?.readers ?? [];
    this.#questions.delete(context);
    for (const reader of readers) if (this.#live.has(reader)) this.#fresh.add(reader);
  }

  failAll(): void {
    for (const reader of this.#live) this.#settle(reader, new RaftError('stopped', 'not-applied'));
  }

  #settle(reader: Reader, error?: RaftError): void {
    if (!this.#live.delete(reader)) return;
    this.#fresh.delete(reader);
    if (error === undefined) reader.resolve();
    else reader.reject(error);
  }
}
