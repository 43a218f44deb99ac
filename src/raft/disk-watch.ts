/** What a bad disk means for a member: full, nothing is written until there is room; stalled, it must not lead. */
import type { RaftCore } from './core/index.ts';
import type { Storage } from './storage.ts';
import type { RaftNodeOptions } from './types.ts';

/**
 * Whether a member should not lead because its disk hangs: it can still send heartbeats, and would keep a useless leader in
 * office. A leader goes only while the disk of another voter is seen to work: where all wait for the same disk, or for none
 * of them anything is written, an election would change nothing and cost all clients their calls.
 */
export class StallRule {
  readonly #id: string;
  readonly #limitMs: number;
  /** The end of the log when the oldest write had waited for half the limit: who has that on disk since does not wait. */
  #mark: number | undefined;
  #aheadSinceMs: number | undefined;
  #isStalled = false;

  constructor(id: string, limitMs: number) {
    this.#id = id;
    this.#limitMs = limitMs;
  }

  /** At each tick: tells the core whether it may lead. `ageMs`: how long the oldest write has waited. Returns what is news. */
  check(core: RaftCore, nowMs: number, ageMs: number): 'stalled' | 'flows' | undefined {
    const isStalled = this.#judge(core, nowMs, ageMs);
    if (isStalled === this.#isStalled) return undefined;
    this.#isStalled = isStalled;
    core.setEligible(!isStalled);
    return isStalled ? 'stalled' : 'flows';
  }

  #judge(core: RaftCore, nowMs: number, ageMs: number): boolean {
    const limitMs = this.#limitMs;
    if (ageMs <= limitMs / 2) {
      this.#mark = undefined;
      this.#aheadSinceMs = undefined;
      return false;
    }
    const { role, lastIndex } = core.status();
    const mark = (this.#mark ??= lastIndex);
    if (role !== 'leader') return ageMs > limitMs;
    const isAhead = core
      .progress()
      .some(({ id, isLearner, match }) => id !== this.#id && !isLearner && match >= mark);
    this.#aheadSinceMs = isAhead ? (this.#aheadSinceMs ?? nowMs) : undefined;
    // One that was ahead only just now may have waited for the same disk, which works again.
    const aheadForMs = nowMs - (this.#aheadSinceMs ?? nowMs);
    return ageMs > limitMs && aheadForMs > limitMs / 4;
  }
}

export class DiskWatch {
  readonly #options: RaftNodeOptions;
  readonly #rule: StallRule;
  #isFull = false;

  constructor(options: RaftNodeOptions) {
    this.#options = options;
    this.#rule = new StallRule(options.id, options.timing.electionTimeoutMs.max);
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

  /** Keeps a member whose disk hangs from leading. */
  check(core: RaftCore, storage: Storage): void {
    const ageMs = storage.oldestWriteAgeMs();
    const { clock, logger } = this.#options;
    const news = this.#rule.check(core, clock.monotonic(), ageMs);
    if (news === 'stalled') {
      logger.warn('the disk has stalled: this member does not lead', { ageMs });
    } else if (news === 'flows') {
      logger.info('the disk writes again');
    }
  }
}
