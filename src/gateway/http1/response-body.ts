/** The body of a response on its way from a connection to its one reader. */

/** Bytes that may wait for the reader before the connection is paused. */
const UNREAD_BYTES_MAX = 64 * 1024;

export class ResponseBody implements AsyncIterable<Uint8Array> {
  readonly #pause: () => void;
  readonly #resume: () => void;
  readonly #giveUp: () => void;
  #unread: Buffer[] = [];
  #bytes = 0;
  #paused = false;
  #state: { type: 'open' } | { type: 'ended' } | { type: 'failed'; error: Error } = {
    type: 'open',
  };
  #wake: (() => void) | undefined;

  constructor(pause: () => void, resume: () => void, giveUp: () => void) {
    this.#pause = pause;
    this.#resume = resume;
    this.#giveUp = giveUp;
  }

  push(bytes: Buffer): void {
    this.#unread.push(bytes);
    this.#bytes += bytes.length;
    if (this.#bytes > UNREAD_BYTES_MAX && !this.#paused) {
      this.#paused = true;
      this.#pause();
    }
    this.#wake?.();
  }

  finish(): void {
    if (this.#state.type === 'open') this.#state = { type: 'ended' };
    this.#wake?.();
  }

  fail(error: Error): void {
    if (this.#state.type === 'open') this.#state = { type: 'failed', error };
    this.#wake?.();
  }

  /** Stops reading; the connection is closed if the body was not complete. */
  destroy(): void {
    this.#unread = [];
    if (this.#state.type === 'open') this.#giveUp();
  }

  /** Reads and drops the rest, so that the connection can be used again. */
  async dump(): Promise<void> {
    for await (const _ of this);
  }

  /** The whole body if it is there already, which then counts as read; undefined otherwise. */
  takeWhole(): Buffer | undefined {
    if (this.#state.type !== 'ended') return undefined;
    const unread = this.#unread;
    this.#unread = [];
    return unread.length === 1 ? unread[0] : Buffer.concat(unread);
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return {
      next: () => this.#next(),
      return: async () => {
        this.destroy();
        return { done: true, value: undefined };
      },
    };
  }

  async #next(): Promise<IteratorResult<Uint8Array>> {
    for (;;) {
      const bytes = this.#unread.shift();
      if (bytes !== undefined) {
        this.#bytes -= bytes.length;
        if (this.#paused && this.#bytes <= UNREAD_BYTES_MAX / 2) {
          this.#paused = false;
          this.#resume();
        }
        return { done: false, value: bytes };
      }
      if (this.#state.type === 'failed') throw this.#state.error;
      if (this.#state.type === 'ended') return { done: true, value: undefined };
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}
