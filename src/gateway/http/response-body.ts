/** The body of an answer as it comes, at its reader's pace: what undici's own streams do, for one reader and without their cost. */
import type { Dispatcher } from 'undici';

/** Bytes that may wait for the reader before the connection is paused. */
const UNREAD_BYTES_MAX = 64 * 1024;
/** Bytes of a body nobody wants that are read for the sake of the connection; more is cut off with it. */
const DUMPED_BYTES_MAX = 128 * 1024;

/** One reader; ends, or throws when the answer breaks off or was destroyed. Leaving the iteration destroys it. */
export interface ResponseBody extends AsyncIterable<Uint8Array> {
  /** All chunks when the whole body is there and nobody has read of it, which is then read; else undefined. */
  takeWhole(): readonly Uint8Array[] | undefined;
  /** Reads the rest and throws it away, so that the connection can be used again; ends it if there is much. Never rejects. */
  dump(): Promise<void>;
  /** Nobody reads on: what has not come is not fetched. */
  destroy(): void;
}

type Next = IteratorResult<Uint8Array, undefined>;
type State =
  | { readonly type: 'open' | 'ended' | 'destroyed' }
  | { readonly type: 'broken'; readonly error: Error };

const OPEN: State = { type: 'open' };
const ENDED: State = { type: 'ended' };
const DESTROYED: State = { type: 'destroyed' };
const DONE: Next = { done: true, value: undefined };

/** Fed by an undici handler: `push`, then `end` or `fail`. */
export class IncomingBody implements ResponseBody, AsyncIterator<Uint8Array, undefined> {
  readonly #controller: Dispatcher.DispatchController;
  #chunks: Uint8Array[] = [];
  #unread = 0;
  #state: State = OPEN;
  #begun = false;
  #reader: { resolve(next: Next): void; reject(error: Error): void } | undefined;

  constructor(controller: Dispatcher.DispatchController) {
    this.#controller = controller;
  }

  push(chunk: Uint8Array): void {
    if (this.#state !== OPEN) return;
    const reader = this.#reader;
    if (reader !== undefined) {
      this.#reader = undefined;
      reader.resolve({ done: false, value: chunk });
      return;
    }
    this.#chunks.push(chunk);
    this.#unread += chunk.length;
    if (this.#unread > UNREAD_BYTES_MAX) this.#controller.pause();
  }

  end(): void {
    if (this.#state !== OPEN) return;
    this.#state = ENDED;
    this.#reader?.resolve(DONE);
  }

  /** What was not read is lost. */
  fail(error: Error): void {
    if (this.#state !== OPEN) return;
    this.#state = { type: 'broken', error };
    this.#reader?.reject(error);
  }

  takeWhole(): readonly Uint8Array[] | undefined {
    if (this.#state !== ENDED || this.#begun) return undefined;
    this.#begun = true;
    const chunks = this.#chunks;
    this.#chunks = [];
    return chunks;
  }

  [Symbol.asyncIterator](): this {
    this.#begun = true;
    return this;
  }

  next(): Promise<Next> {
    const state = this.#state;
    if (state.type === 'broken') return Promise.reject(state.error);
    const chunk = state === DESTROYED ? undefined : this.#chunks.shift();
    if (chunk !== undefined) {
      this.#unread -= chunk.length;
      const hasRoom = this.#unread <= UNREAD_BYTES_MAX;
      if (hasRoom && state === OPEN && this.#controller.paused) this.#controller.resume();
      return Promise.resolve({ done: false, value: chunk });
    }
    if (state !== OPEN) return Promise.resolve(DONE);
    return new Promise((resolve, reject) => {
      this.#reader = { resolve, reject };
    });
  }

  return(): Promise<Next> {
    this.destroy();
    return Promise.resolve(DONE);
  }

  async dump(): Promise<void> {
    let bytes = 0;
    try {
      for await (const chunk of this) {
        bytes += chunk.length;
        if (bytes > DUMPED_BYTES_MAX) return;
      }
    } catch {
      // It is over, which is all that was wanted.
    }
  }

  destroy(): void {
    this.#chunks = [];
    if (this.#state !== OPEN) return;
    this.#state = DESTROYED;
    const reader = this.#reader;
    this.#reader = undefined;
    reader?.reject(new Error('nobody reads the answer any more'));
    this.#controller.abort(new Error('nobody reads the answer any more'));
  }
}
