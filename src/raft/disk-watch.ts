/** What a bad disk means for a member: full, nothing is written until there is room; stalled, it must not lead. */
import type { RaftCore } from './core/index.ts';
import type { Storage } from './storage.ts';
import type { RaftNodeOptions } from './types.ts';

export class DiskWatch {
  readonly #options: RaftNodeOptions;
  #isFull = false;
  #isStalled = false;

  constructor(options: RaftNodeOptions) {
    this.#options = options;
  }

  get isFull(): boolean {
    return this.#isFull;
  }

  setFull(isFull: boolean): void {
    this.#isFull = isFull;
    const { logger } = this.#options;
    if (isFull) logger.error('the disk is full: nothing is written until there is room again');
    else logger.info('the disk has room again');
  }

  /** A member whose disk hangs can still send heartbeats, and would keep a useless leader in office. */
  check(core: RaftCore, storage: Storage): void {
    const ageMs = storage.oldestWriteAgeMs();
    const isStalled = ageMs > this.#options.timing.electionTimeoutMs.max;
    if (isStalled === this.#isStalled) return;
    this.#isStalled = isStalled;
    core.setEligible(!isStalled);
    const { logger } = this.#options;
    if (isStalled) logger.warn('the disk has stalled: this member does not lead', { ageMs });
    else logger.info('the disk writes again');
  }
}
