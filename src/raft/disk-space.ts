/** A full disk is no failure but a state: what needs room waits and tries again, and whoever must know is told. */
import { delay, type Clock } from '../std/index.ts';
import { WalError } from './errors.ts';

export interface DiskSpaceOptions {
  readonly clock: Clock;
  readonly retryMs: number;
  /** Called with true when the disk became full, and with false when what waited for room got it. */
  readonly onDiskFull: (isFull: boolean) => void;
}

/** True for what the system answers when there is no room; nothing was lost then. */
export function isDiskFull(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOSPC' || code === 'EDQUOT';
}

/** True for an error that the system gave, and not the program: after it nothing is known about the disk. */
export function isDiskFailure(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return !(error instanceof WalError) && typeof code === 'string' && /^E[A-Z0-9]+$/.test(code);
}

export class DiskSpace {
  readonly #options: DiskSpaceOptions;
  readonly #closing = new AbortController();
  #waiting = 0;

  constructor(options: DiskSpaceOptions) {
    this.#options = options;
  }

  /** Does `work`, again and again while the disk is full. It must be safe to repeat. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (!isDiskFull(error)) throw error;
    }
    this.#waiting += 1;
    if (this.#waiting === 1) this.#options.onDiskFull(true);
    try {
      return await this.#retry(work);
    } finally {
      this.#waiting -= 1;
      if (this.#waiting === 0 && !this.#closing.signal.aborted) this.#options.onDiskFull(false);
    }
  }

  /** What waits for room is given up. */
  close(): void {
    this.#closing.abort(new WalError('closed', 'the disk was full until the end'));
  }

  async #retry<T>(work: () => Promise<T>): Promise<T> {
    const { clock, retryMs } = this.#options;
    for (;;) {
      await delay(clock, retryMs, this.#closing.signal);
      try {
        return await work();
      } catch (error) {
        if (!isDiskFull(error)) throw error;
      }
    }
  }
}
